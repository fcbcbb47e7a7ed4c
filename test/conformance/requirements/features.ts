/** features.md and features-linux.md. */
import type { Section } from './row.js'

export const features: readonly Section[] = [
  {
    anchor: 'features.md#features-document',
    rows: [
      {
        word: 'SHOULD',
        says: 'The document does not depend on the host',
        shown: [['features.test.ts', 'the document is the same on every host, but for what tells of the host']],
      },
      {
        word: 'MUST',
        says: 'It has ociVersionMin and ociVersionMax, and only properties of that version of the specification',
        shown: [
          ['features.test.ts', 'the document is valid'],
          ['integration/cli-documents.test.ts', 'features is a valid document and nothing else, on both streams'],
        ],
      },
    ],
  },
  {
    anchor: 'features.md#specification-version',
    rows: [
      {
        word: 'MUST',
        says: 'Every version from ociVersionMin to ociVersionMax is accepted',
        shown: [
          ['conformance/features-in-use.test.ts', ': containers of the first and of the last version run'],
          ['features.test.ts', 'what callers look for is there'],
          [
            'conformance/runtime-operations.test.ts',
            'config.md#specification-version: every 1.x is accepted, a newer one with a warning',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'ociVersionMax is not below ociVersionMin',
        shown: [['features.test.ts', 'what callers look for is there']],
      },
    ],
  },
  {
    anchor: 'features.md#hooks',
    rows: [
      {
        word: 'MUST',
        says: 'All listed hooks are supported',
        shown: [
          ['conformance/features-in-use.test.ts', ': a hook of each kind is called'],
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'features.md#mount-options',
    rows: [
      {
        word: 'MUST',
        says: 'All listed mount options are recognised',
        shown: [
          ['conformance/features-in-use.test.ts', ': a mount with each option is there'],
          ['features.test.ts', 'every mount option that is listed is accepted as one of ours'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'No option of a file system is listed',
        shown: [['features.test.ts', 'every mount option that is listed is accepted as one of ours']],
      },
    ],
  },
  {
    anchor: 'features-linux.md#namespaces',
    rows: [
      {
        word: 'MUST',
        says: 'All listed namespaces are supported',
        shown: [
          ['conformance/features-in-use.test.ts', ': a container has one of each'],
          ['conformance/config-linux-namespaces.test.ts', 'config-linux.md#namespaces: all eight at once'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#capabilities',
    rows: [
      {
        word: 'MUST',
        says: 'All listed capabilities are recognised',
        shown: [
          ['conformance/features-in-use.test.ts', ': each is granted, or warned about if the host has it not'],
          ['config/tables.test.ts', 'the capabilities are all that this kernel has'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#cgroup',
    rows: [
      {
        word: 'MUST',
        says: 'v1, v2, systemd, systemdUser and rdma say what can be used',
        shown: [
          ['conformance/features-in-use.test.ts', ': the container is in a cgroup of each version that is there'],
          ['features.test.ts', 'what callers look for is there'],
          ['features.test.ts', 'what is done is told to be done'],
          [
            'vm/systemd.test.mjs',
            'a container is a scope that has its limits as properties, and a daemon-reload leaves them alone',
          ],
          ['vm/user.test.mjs', 'without root, the scope is one of the manager of the user'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#seccomp',
    rows: [
      {
        word: 'MUST',
        says: 'All listed actions, operators and architectures are recognised',
        shown: [
          ['conformance/features-in-use.test.ts', ': each architecture is filtered, or unknown to libseccomp'],
          ['conformance/features-in-use.test.ts', ': a filter with each action, operator and flag is in force'],
          ['features.test.ts', 'every seccomp action and flag that is listed is accepted'],
          ['conformance/config-linux-seccomp.test.ts', 'config-linux.md#seccomp: an argument compared by …'],
        ],
      },
      {
        word: 'MUST',
        says: 'knownFlags are recognised, supportedFlags can be used',
        shown: [
          ['features.test.ts', 'every seccomp action and flag that is listed is accepted'],
          ['seccomp/filter.test.ts', 'flags are taken by the kernel'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#memorypolicy',
    rows: [
      {
        word: 'MUST',
        says: 'All listed modes and flags are recognised',
        shown: [
          ['features.test.ts', 'every memory policy that is listed is accepted, with one of the flags or another'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#intel-rdt',
    rows: [
      {
        word: 'MUST',
        says: 'enabled, schemata and monitoring say what is supported',
        shown: [
          ['features.test.ts', 'what is done is told to be done'],
          [
            'resctrl/class.test.ts',
            'config-linux.md#intelrdt: a monitored group is made in the class, also an existing one, and removed',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#apparmor',
    rows: [
      {
        word: 'MUST',
        says: 'enabled of apparmor and selinux says whether a profile or label can be asked for',
        shown: [
          ['features.test.ts', 'what is done is told to be done'],
          ['vm/labels.test.mjs', 'the process has the AppArmor profile that is named'],
          ['compile/identity.test.ts', 'labels are written while a procfs of our own can be had'],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#netdevices',
    rows: [
      {
        word: 'MUST',
        says: 'enabled says whether devices can be moved',
        shown: [
          [
            'conformance/config-linux-net-devices.test.ts',
            'config-linux.md#network-devices: a device moves, keeps its name, and is up',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'features-linux.md#mountextensions',
    rows: [
      {
        word: 'MUST',
        says: 'idmap.enabled says whether ids of mounts can be mapped',
        shown: [
          [
            'conformance/config-mounts-idmap.test.ts',
            'config.md#mounts: idmap is for one mount, ridmap for the whole tree',
          ],
        ],
      },
    ],
  },
]
