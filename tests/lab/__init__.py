"""The lab: real Debian hosts, a download mirror and an image registry on this machine.

`python -m tests.lab up` starts it, `tests.lab.api.Lab` is the same for tests. The parts, from the outside in:

- `api`, `description`, `__main__`, `conftest`: what tests and people use;
- `hosts`, `faults`, `snapshot`: a host, how it fails on demand, and what it looks like;
- `network`, `cgroups`, `sysctls`, `services`: what the machine lends to the hosts, and takes back;
- `served`, `images`, `oci`, `mirror_tree`, `mirror_server`, `offline`: what the hosts fetch, or an operator carries in;
- `built`, `programs`, `tree`: what that is made of: compiled Go modules and a Debian tree, both cached.
"""
