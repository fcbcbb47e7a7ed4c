/** config-linux.md: cgroups. */
import type { Section } from './row.js'

export const cgroups: readonly Section[] = [
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
          ['cgroup/paths.test.ts', 'An absolute path is the same below every mount point.'],
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
          ['conformance/cgroup-ownership-view.ts', ': the directory and the listed files belong to the process'],
          ['conformance/cgroup-ownership-view.ts', ': in a user namespace the owner is the id that it stands for'],
          ['conformance/cgroup-ownership-view.ts', ': the process can make cgroups, move to them, and no more'],
          ['conformance/cgroup-ownership-view.ts', ': the owner stays where the view …'],
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
        shown: [['conformance/cgroup-ownership-view.ts', ': the owner stays where the view …']],
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
        says: 'Where the kernel has no such list, it is cgroup.procs, cgroup.subtree_control and cgroup.threads',
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
  {
    anchor: 'config-linux.md#memory',
    rows: [
      {
        word: 'MUST',
        says: 'limit, reservation, swap and swappiness are in force',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': limit, reservation and swappiness'],
          ['conformance/config-linux-resources.test.ts', ': swap is memory and swap together'],
          ['conformance/config-linux-resources.test.ts', ': the kernel kills what takes more'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
        ],
      },
      {
        word: 'MUST',
        says: 'kernel and kernelTCP are deprecated, and need not be applied',
        shown: [
          [
            'conformance/config-linux-resources.test.ts',
            ': kernel and kernelTCP are deprecated, and ignored with a warning',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'disableOOMKiller, useHierarchy and swappiness, where there is something to set',
        partly: 'cgroup v2 of the kernel has none of them, and there they are errors',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': disableOOMKiller'],
          ['cgroup/settings.test.ts', 'What version 2 does not have is refused, all of it at once.'],
        ],
      },
      {
        word: 'MUST',
        says: 'With checkBeforeUpdate a limit below what is in use is an error',
        shown: [
          [
            'cgroup/apply.test.ts',
            'A limit below what is in use is refused where the configuration wants that checked.',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#cpu',
    rows: [
      {
        word: 'MUST',
        says: 'shares, quota, burst, period, cpus, mems and idle are in force',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': shares, period, quota and burst'],
          ['conformance/config-linux-resources.test.ts', ': idle'],
          ['conformance/config-linux-resources.test.ts', ': cpus and mems'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
          ['cgroup/settings.test.ts', 'CPU shares become a weight, and the two defaults meet.'],
        ],
      },
      {
        word: 'MUST',
        says: 'realtimeRuntime and realtimePeriod are in force',
        partly: 'cgroup v2 of the kernel has none, and there they are errors',
        shown: [
          ['conformance/config-process-scheduling.test.ts', 'config.md#linux-process: scheduler … with its priority'],
          ['cgroup/settings.test.ts', 'Realtime limits exist in version 1 only.'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#block-io',
    rows: [
      {
        word: 'MUST',
        says: 'Weights are in force',
        shown: [
          [
            'conformance/config-linux-resources.test.ts',
            ': a weight, or an error that names it where the kernel has none',
          ],
          ['cgroup/settings.test.ts', 'Block I/O in version 1.'],
          ['cgroup/settings.test.ts', 'Block I/O in version 2: weights are converted, and a rate of 0 is no limit.'],
        ],
      },
      {
        word: 'MUST',
        says: 'A weight of a device has `weight` or `leafWeight`',
        shown: [['spec/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
      },
      {
        word: 'MUST',
        says: 'Rates of devices are in force',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': rates of a device'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#huge-page-limits',
    rows: [
      {
        word: 'MUST',
        says: 'Limits by page size are in force, for use and reservation',
        shown: [
          [
            'conformance/config-linux-resources-devices.test.ts',
            ': on whatever version of cgroups the host has the controller',
          ],
          ['cgroup/settings.test.ts', 'Huge pages are limited in use and in reservation.'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
        ],
      },
      {
        word: 'MUST',
        says: "pageSize has the form of the kernel's files",
        shown: [
          ['spec/documents.test.ts', 'every bad … is refused, with just the issues beside it'],
          ['cgroup/unified-view.ts', 'A page size that the kernel does not have is an error of its field.'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#network',
    rows: [
      {
        word: 'MUST',
        says: 'classID and priorities are in force',
        partly:
          'the kernels of the tests lack net_cls and net_prio, and cgroup v2 of the kernel has none: shown are the settings, and the error',
        shown: [
          [
            'conformance/config-linux-resources-devices.test.ts',
            ': without the controller the fields are refused by name',
          ],
          ['cgroup/settings.test.ts', 'Network classes and RDMA.'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#pids',
    rows: [
      {
        word: 'MUST',
        says: 'The limit is in force',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': the limit holds'],
          ['vm/cgroups.test.mjs', 'a container can not have more processes than it may'],
        ],
      },
      {
        word: 'MUST',
        says: 'A limit of 0 is 0',
        shown: [
          ['conformance/runtime-operations.test.ts', ': a limit of 0 is 0: nothing can be started any more'],
          ['cgroup/settings.test.ts', 'A number of processes of 0 is a limit, a negative one is none.'],
        ],
      },
    ],
  },
  {
    anchor: 'config-linux.md#rdma',
    rows: [
      {
        word: 'MUST',
        says: 'An entry has hcaHandles or hcaObjects',
        shown: [['spec/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
      },
      {
        word: 'MUST',
        says: 'Limits by device are in force',
        partly:
          'the machines of the tests have no RDMA device, and the kernel refuses limits of others: shown are the lines that are written',
        shown: [['cgroup/settings.test.ts', 'Network classes and RDMA.']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#unified',
    rows: [
      {
        word: 'MUST',
        says: 'The controllers that are needed are enabled',
        shown: [
          ['conformance/unified-view.ts', ': the controllers that are needed are enabled'],
          ['cgroup/unified-view.ts', 'Controllers are handed down to the cgroup, and limits are set.'],
        ],
      },
      {
        word: 'MUST',
        says: 'Files that the runtime does not know are written all the same',
        shown: [['conformance/unified-view.ts', ': the files are written as they are']],
      },
      {
        word: 'MUST',
        says: "A controller that is not there, or can't be enabled, is an error",
        shown: [
          ['conformance/unified-view.ts', ': a controller that is not there, and a file that is not there, are errors'],
          [
            'conformance/config-linux-resources-devices.test.ts',
            ': without cgroup v2 for the controller it is an error that names it',
          ],
        ],
      },
    ],
  },
]
