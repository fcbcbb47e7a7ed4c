/** config-linux.md: cgroups. */
import type { Section } from './row.js'

export const cgroups: readonly Section[] = [
  {
    anchor: 'config-linux.md#control-groups',
    rows: [
      {
        word: 'MUST',
        says: 'A cgroup that is not fit for the container, such as one that is frozen or in use, is an error',
        shown: [
          ['conformance/unified-view.ts', ': one that is in use, or frozen, is an error'],
          ['conformance/config-linux-cgroups.test.ts', ': one that is in use is an error, and is left as it is'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#cgroups-path',
    rows: [
      {
        word: 'MUST',
        says: 'An absolute path starts at the mount point of the cgroups',
        shown: [
          [
            'conformance/config-linux-cgroups.test.ts',
            ': an absolute path is relative to the mount point, in every hierarchy',
          ],
          ['cgroup/place.test.ts', 'An absolute path is the same below every mount point.'],
        ],
      },
      {
        word: 'MUST',
        says: 'The same value is always the same place',
        shown: [
          [
            'conformance/config-linux-cgroups.test.ts',
            ': the same value is the same place, and can be used one after the other',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'A value that is invalid is an error',
        shown: [
          ['conformance/config-linux-cgroups.test.ts', ': paths that lead elsewhere are errors'],
          ['cgroup/systemd.test.ts', 'A cgroupsPath that names no scope is refused.'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#cgroup-ownership',
    rows: [
      {
        word: 'SHOULD',
        says: 'The owner becomes the host id of the user that runs the process, if and only if the cgroup file system is mounted writable',
        shown: [
          ['vm/cgroups.test.mjs', "the container's cgroup is that of its user if it may work with it"],
          ['conformance/cgroup-ownership-view.ts', ': the directory and the listed files belong to the process'],
          ['conformance/cgroup-ownership-view.ts', ': in a user namespace the owner is the id that it stands for'],
          ['conformance/cgroup-ownership-view.ts', ': the process can make cgroups, move to them, and no more'],
          ['conformance/cgroup-ownership-view.ts', ': the owner stays if the view …'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'It does not change on version 1',
        shown: [['conformance/config-linux-cgroup-ownership.test.ts', ': with version 1 the owner stays']],
      },
      {
        word: 'SHOULD',
        says: 'It does not change without a new cgroup namespace',
        shown: [['conformance/cgroup-ownership-view.ts', ': the owner stays if the view …']],
      },
      {
        word: 'SHOULD',
        says: 'Only the directory and the files that the kernel lists change hands',
        shown: [['conformance/cgroup-ownership-view.ts', ': the directory and the listed files belong to the process']],
      },
      {
        word: 'MUST',
        says: 'That some of these files are not there is no error',
        shown: [['conformance/cgroup-ownership-view.ts', ': the directory and the listed files belong to the process']],
      },
      {
        word: 'MUST',
        says: 'If the kernel has no such list, it is cgroup.procs, cgroup.subtree_control and cgroup.threads',
        shown: [['conformance/cgroup-ownership-view.ts', ': a kernel that lists no files has three']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#allowed-device-list',
    rows: [
      {
        word: 'MUST',
        says: 'The rules are in force in the listed order',
        shown: [
          ['conformance/config-linux-resources-devices.test.ts', ': the rules are in force in the listed order'],
          ['conformance/unified-view.ts', ': by a program of the kernel, in the listed order'],
          ['cgroup/device-filter.test.ts', 'Any list means in the program what it means in the configuration.'],
        ],
      },
      {
        word: 'MUST',
        says: 'The default devices are always allowed',
        shown: [['conformance/config-linux-resources-devices.test.ts', ': the default devices are always allowed']],
      },
    ],
  },
]
