/**
 * Where tsrun is seen to do otherwise than runc, on purpose: what it prints then, and why that is better.
 *
 * @type {readonly { engine: string, title: string, tsrun: string, reason: string }[]}
 */
export const differences = [
  {
    engine: 'docker',
    title: 'exec --privileged has more capabilities',
    tsrun: '1\n',
    reason: 'runc 1.1 fails with "unable to apply caps" on a host that lacks one of those that Docker asks for',
  },
  {
    engine: 'docker',
    title: 'privileged containers may mount, and write to the kernel',
    tsrun: 'Seccomp:\t0\nmounted\n/dev/kmsg\nwritable\n',
    reason: 'runc 1.1 fails with "unable to apply caps" on a host that lacks one of those that Docker asks for',
  },
  {
    engine: 'docker',
    title: 'the tmpfs that holds the cgroup hierarchies is read-only, as Docker asks for',
    tsrun: '1\n',
    reason: 'the configuration says `ro`; runc 1.1 leaves the tmpfs writable',
  },
  {
    engine: 'podman-saved',
    title: 'an open connection over loopback goes on, if that is asked for',
    tsrun: 'talks\ntalks\n0\nno gap\nrunning\n',
    reason: 'runc leaves the network namespace empty, with `lo` down, and CRIU can not restore the connection',
  },
  {
    engine: 'cri',
    title: 'the tmpfs that holds the cgroup hierarchies is read-only, as the engine asks for',
    tsrun: 'ro\ntouch: /sys/fs/cgroup/a: Read-only file system\nexit code 1\n\n',
    reason: 'the configuration says `ro`; runc 1.1 leaves the tmpfs writable',
  },
  {
    engine: 'cri',
    title: 'a privileged container may write to /sys, though its pod may not',
    tsrun: 'rw\n\nro\n\n',
    reason:
      'the configuration says `rw`; with runc 1.1 the first mount of a network namespace, read-only for the pod, makes all of them so',
  },
]
