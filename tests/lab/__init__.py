"""The lab: real Debian hosts, a download mirror and an image registry on this machine.

`python -m tests.lab up` starts it, `tests.lab.api.Lab` is the same for tests. The parts, from the outside in:

- `api`, `__main__`, `conftest`: what tests and people use;
- `hosts`, `faults`, `snapshot`: a host, how it fails on demand, and what it looks like;
- `network`, `cgroups`, `sysctls`, `services`: what the machine lends to the hosts, and takes back;
- `images`, `mirror_tree`, `mirror_server`: what the hosts fetch;
- `programs`, `tree`: what that is made of: compiled Go modules and a Debian tree, both cached.
"""
