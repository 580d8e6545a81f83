"""The page's stylesheet: readable in light, in dark and on paper."""

CSS = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #5d6770; --line: #d5dadf; --paper: #fff; --good: #1d6b35;
  --bad: #a8201a; --warn: #805b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe4e8; --soft: #9aa5ae; --line: #39424a; --paper: #14181c;
  --good: #6fcf87; --bad: #ff8a80; --warn: #e6c15a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.banner { border: 2px solid currentColor; padding: .5rem .8rem; font-weight: bold; }
p.about { color: var(--soft); margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem
  .2rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; } td.mark { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .skip { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: 0; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: color-mix(in srgb, var(--ink) 7%, transparent); padding: .6rem .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
summary { cursor: pointer; padding: .15rem 0; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg text.axis { font-size: 11px; fill: var(--soft); } svg text.in { font-size: 11px; fill: #fff; }
svg .tick { stroke: var(--line); } svg rect.bad { stroke: var(--bad); stroke-width: 3; }
.legend span { margin-right: 1.2rem; white-space: nowrap; } .legend svg { width: 12px; height: 12px; }
"""
