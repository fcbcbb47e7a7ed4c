/** config-linux.md: file systems, namespaces and devices. */
import type { Section } from './row.js'

export const linux: readonly Section[] = [
  {
    anchor: 'config-linux.md#default-filesystems',
    rows: [
      {
        word: 'SHOULD',
        says: '/proc, /sys, /dev/pts and /dev/shm can be had in each container',
        shown: [['conformance/config-mounts.test.ts', ': proc, sys, dev/pts and dev/shm']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#namespaces',
    rows: [
      {
        word: 'SHOULD',
        says: 'All eight types of namespaces can be had',
        shown: [['conformance/config-linux-namespaces.test.ts', ': all eight at once']],
      },
      {
        word: 'MUST',
        says: 'path is absolute, in the mount namespace of the runtime',
        shown: [['conformance/config-linux-namespaces.test.ts', ': a path must be absolute']],
      },
      {
        word: 'MUST',
        says: 'The process is in the namespace that path names',
        shown: [
          ['conformance/config-linux-namespaces.test.ts', ': … with a path is joined'],
          [
            'conformance/config-linux-namespaces.test.ts',
            ': pid with a path is joined, and the container is not its init',
          ],
          ['conformance/config-linux-namespaces.test.ts', ': time with a path is joined'],
          [
            'conformance/config-linux-user-namespace.test.ts',
            ': an existing user namespace is joined, with its mappings',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'A path of another type is an error',
        shown: [
          ['conformance/config-linux-namespaces.test.ts', ': a path of another type is an error that names it'],
          ['conformance/config-linux-namespaces.test.ts', ': a path that is no namespace is an error that names it'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without a path the namespace is a new one',
        shown: [
          ['conformance/config-linux-namespaces.test.ts', ': … without a path is a new namespace, and only that'],
          ['conformance/config-linux-namespaces.test.ts', ': all eight at once'],
        ],
      },
      {
        word: 'MUST',
        says: 'A type that is not listed is inherited',
        shown: [['conformance/config-linux-namespaces.test.ts', ': without namespaces everything is inherited']],
      },
      {
        word: 'MUST',
        says: 'A type that is listed twice is an error',
        shown: [['conformance/config-linux-namespaces.test.ts', ': a duplicated type is an error']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#user-namespace-mappings',
    rows: [
      {
        word: 'MUST',
        says: 'uidMappings and gidMappings are the maps of the user namespace',
        shown: [
          ['conformance/config-linux-user-namespace.test.ts', ': the maps are as listed'],
          ['conformance/config-linux-user-namespace.test.ts', ': root in the container is the mapped id on the host'],
          ['integration/rootless.test.ts', 'more ids are mapped by newuidmap and newgidmap'],
          ['vm/rootless.test.mjs', 'more ids are mapped by newuidmap and newgidmap'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'The ownership of the root file system is not changed for the mapping',
        shown: [['conformance/config-linux-user-namespace.test.ts', ': the runtime changes no ownership in the root']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#offset-for-time-namespace',
    rows: [
      {
        word: 'MUST',
        says: 'The clocks of the time namespace have these offsets',
        shown: [
          ['conformance/config-linux-time-offset.test.ts', ': both clocks'],
          ['conformance/config-linux-time-offset.test.ts', ': one clock leaves the other alone'],
          ['conformance/config-linux-time-offset.test.ts', ': an offset may be negative, and have no seconds'],
        ],
      },
      {
        word: 'MUST',
        says: "What can't be is an error",
        shown: [
          ['conformance/config-linux-time-offset.test.ts', ': without a new time namespace it is an error'],
          ['conformance/config-linux-time-offset.test.ts', ': an offset that the kernel refuses names the field'],
          ['conformance/config-linux-time-offset.test.ts', ': nanoseconds beyond a second are an error'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#devices',
    rows: [
      {
        word: 'MUST',
        says: 'Each device is there, with its type, numbers, mode and owner, anywhere in the root',
        shown: [
          ['conformance/config-linux-devices.test.ts', ': character, unbuffered, block and fifo, anywhere'],
          ['conformance/config-linux-devices.test.ts', ': mode and owner, whatever the umask'],
          ['conformance/config-linux-devices.test.ts', ': large numbers arrive whole'],
        ],
      },
      {
        word: 'MUST',
        says: 'In a user namespace as well',
        partly:
          'the kernel makes no devices in a user namespace: they are those of the host, bound, with the mode and owner that they have',
        shown: [
          ['conformance/config-linux-user-namespace.test.ts', ': in a user namespace they are bound too'],
          [
            'conformance/config-linux-user-namespace.test.ts',
            ': in a user namespace a device that is another one on the host is an error',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'A file that is there and does not match is an error',
        shown: [
          [
            'conformance/config-linux-devices.test.ts',
            ': an existing file that does not match is an error, and is left as it is',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#default-devices',
    rows: [
      {
        word: 'MUST',
        says: 'null, zero, full, random, urandom and tty are there',
        shown: [
          ['conformance/config-linux-devices.test.ts', ': null, zero, full, random, urandom and tty'],
          ['conformance/config-linux-devices.test.ts', ': they work'],
          [
            'conformance/config-linux-user-namespace.test.ts',
            ': in a user namespace they are those of the host, bound',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'console is there with a terminal',
        shown: [
          ['conformance/config-linux-devices.test.ts', ': console is the terminal'],
          ['conformance/config-linux-devices.test.ts', ': no console without a terminal'],
        ],
      },
      {
        word: 'MUST',
        says: "ptmx is that of the container's devpts",
        shown: [['conformance/config-linux-devices.test.ts', ': ptmx is that of the devpts of the container']],
      },
    ],
  },
]
