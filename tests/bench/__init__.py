"""`make bench`: kinstall beside its peers, on this machine and in one run.

`w1` is many small tasks on 4 to 32 sshd nodes (kinstall's engine, its floor, pyinfra, ansible-core); `cluster` is a
whole cluster on three of the lab's hosts (kinstall, kubeadm). `__main__` puts the figures together.
"""
