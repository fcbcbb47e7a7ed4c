/** config-linux.md: network devices, kernel parameters, hidden paths, labels, personality and memory policy. */
import type { Section } from './row.js'

export const inside: readonly Section[] = [
  {
    anchor: 'config-linux.md#network-devices',
    rows: [
      {
        word: 'MUST',
        says: "A device moves to the container's network namespace, under the name that is asked for",
        shown: [
          ['conformance/config-linux-net-devices.test.ts', ': a device moves, keeps its name, and is up'],
          ['conformance/config-linux-net-devices.test.ts', ': a device gets its name in the container'],
        ],
      },
      {
        word: 'MUST',
        says: 'A name that is taken is an error',
        shown: [
          ['conformance/config-linux-net-devices.test.ts', ': a name that is taken is an error, and nothing has moved'],
        ],
      },
      {
        word: 'MUST',
        says: 'With %d in the name the kernel makes one',
        shown: [['conformance/config-linux-net-devices.test.ts', ': of a template the kernel makes a name']],
      },
      {
        word: 'MUST',
        says: 'Permanent addresses of global scope, and attributes, are kept',
        shown: [
          [
            'conformance/config-linux-net-devices.test.ts',
            ': permanent addresses of global scope are kept, all others are not',
          ],
          ['conformance/config-linux-net-devices.test.ts', ': hardware address and MTU are kept'],
        ],
      },
      {
        word: 'MUST',
        says: 'The device is up',
        shown: [['conformance/config-linux-net-devices.test.ts', ': a device moves, keeps its name, and is up']],
      },
      {
        word: 'MUST',
        says: "What can't move is an error",
        shown: [
          [
            'conformance/config-linux-net-devices.test.ts',
            ': a device that is not there, or may not move, is an error',
          ],
          [
            'conformance/config-linux-net-devices.test.ts',
            ': names that can not be, and no network namespace, are errors',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'The runtime leaves the device alone while the container runs',
        shown: [['conformance/config-linux-net-devices.test.ts', ': a device moves, keeps its name, and is up']],
      },
      {
        word: 'MUST',
        says: 'It does not take the device back before the container is deleted',
        shown: [['conformance/config-linux-net-devices.test.ts', ': delete leaves the device to its namespace']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#sysctl',
    rows: [
      {
        word: 'MUST',
        says: 'The parameters are set in the namespaces of the container',
        shown: [
          [
            'conformance/config-linux-sysctl.test.ts',
            ': of the network, of ipc and of message queues, by dots and by slashes',
          ],
          ['conformance/config-linux-sysctl.test.ts', ': limits of a user namespace'],
          ['conformance/config-linux-sysctl.test.ts', ': they are set although /proc/sys is read-only for the process'],
        ],
      },
      {
        word: 'MUST',
        says: 'Those of the host are refused',
        shown: [
          ['conformance/config-linux-sysctl.test.ts', ': what is not in a namespace is that of the host, and refused'],
          ['conformance/config-linux-sysctl.test.ts', ': without the namespace that it belongs to it is refused'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#rootfs-mount-propagation',
    rows: [
      {
        word: 'MUST',
        says: 'The root has the propagation that is named',
        shown: [
          ['conformance/config-root.test.ts', ': …'],
          ['conformance/config-root.test.ts', ': with … what the host mounts is seen'],
          ['conformance/config-root.test.ts', ': shared is a new peer group, and not shared with the host'],
          ['conformance/config-root.test.ts', ': another word is an error'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#masked-paths',
    rows: [
      {
        word: 'MUST',
        says: 'The paths can not be read, and are absolute paths of the container',
        shown: [
          ['conformance/config-linux-hidden-paths.test.ts', ': a file reads as empty, and can not be written'],
          ['conformance/config-linux-hidden-paths.test.ts', ': a directory is empty, read-only, and without room'],
          [
            'conformance/config-linux-hidden-paths.test.ts',
            ': relative paths, and paths without a mount namespace, are errors',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#readonly-paths',
    rows: [
      {
        word: 'MUST',
        says: 'The paths are read-only, and are absolute paths of the container',
        shown: [
          ['conformance/config-linux-hidden-paths.test.ts', ': a directory and all in it'],
          ['conformance/config-linux-hidden-paths.test.ts', ': a file of proc'],
          [
            'conformance/config-linux-hidden-paths.test.ts',
            'config-linux.md#masked-paths: relative paths, and paths without a mount namespace, are errors',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#mount-label',
    rows: [
      {
        word: 'MUST',
        says: 'The mounts of the container have the label, or it is an error',
        simulated: 'no kernel of the tests has SELinux: shown are the error, and the options in the plan',
        shown: [
          ['conformance/config-mounts-content.test.ts', ': without SELinux a label is an error'],
          ['compile/mounts.test.ts', 'a mount label is given to the file systems that take one'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#personality',
    rows: [
      {
        word: 'MUST',
        says: 'domain is the execution domain of the process',
        shown: [
          ['conformance/config-linux-personality.test.ts', ': LINUX32 makes the machine a 32-bit one'],
          ['conformance/config-linux-personality.test.ts', ': unknown domains and flags are errors'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#memory-policy',
    rows: [
      {
        word: 'MUST',
        says: 'mode, nodes and flags are the memory policy of the process',
        shown: [
          ['conformance/config-linux-memory-policy.test.ts', ': …'],
          ['conformance/config-linux-memory-policy.test.ts', ': flags'],
          ['conformance/config-linux-memory-policy.test.ts', ': without one it is left alone'],
        ],
      },
      {
        word: 'MUST',
        says: 'Unknown modes and flags are errors',
        shown: [
          [
            'conformance/config-linux-memory-policy.test.ts',
            ': unknown modes and flags, and nodes that do not fit, are errors',
          ],
          ['conformance/config-linux-memory-policy.test.ts', ': nodes that the machine does not have are an error'],
        ],
      },
    ],
  },
]
