/** config-linux.md: what a cgroup limits. */
import type { Section } from './row.js'

export const resources: readonly Section[] = [
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
        says: 'disableOOMKiller, useHierarchy and swappiness are in force on version 1; version 2 has none of them, and there they are errors',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': disableOOMKiller and useHierarchy'],
          ['conformance/config-linux-resources.test.ts', ': limit, reservation and swappiness'],
          ['cgroup/resources.test.ts', 'What version 2 does not have is refused, all of it at once.'],
        ],
      },
      {
        word: 'MUST',
        says: 'With checkBeforeUpdate a limit below what is in use is an error',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': checkBeforeUpdate refuses a limit below what is in use'],
          ['vm/cgroups.test.mjs', 'a limit below what is in use is refused if the configuration wants that checked'],
          ['cgroup/apply.test.ts', 'A limit below what is in use is refused if the configuration wants that checked.'],
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
          ['vm/cgroups.test.mjs', 'what is no limit, or less usual, is in its file as well'],
          ['conformance/config-linux-resources.test.ts', ': shares, period, quota and burst'],
          ['conformance/config-linux-resources.test.ts', ': idle'],
          ['conformance/config-linux-resources.test.ts', ': cpus and mems'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
          ['cgroup/resources.test.ts', 'CPU shares become a weight, and the two defaults meet.'],
        ],
      },
      {
        word: 'MUST',
        says: 'realtimeRuntime and realtimePeriod are in force on version 1; version 2 has none of them, and there they are errors',
        shown: [
          ['conformance/config-linux-resources.test.ts', ': realtimeRuntime and realtimePeriod'],
          ['conformance/config-process-scheduling.test.ts', 'config.md#linux-process: scheduler … with its priority'],
          ['cgroup/resources.test.ts', 'Realtime limits exist in version 1 only.'],
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
          ['vm/cgroups.test.mjs', 'what is no limit, or less usual, is in its file as well'],
          [
            'conformance/config-linux-resources.test.ts',
            ': a weight, or an error that names it if the kernel has none',
          ],
          ['cgroup/resources.test.ts', 'Block I/O in version 1.'],
          ['cgroup/resources.test.ts', 'Block I/O in version 2: weights are converted, and a rate of 0 is no limit.'],
        ],
      },
      {
        word: 'MUST',
        says: 'A weight of a device has `weight` or `leafWeight`',
        shown: [['config/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
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
          ['cgroup/resources.test.ts', 'Huge pages are limited in use and in reservation.'],
          ['vm/cgroups.test.mjs', 'every limit is in the file that the kernel has for it'],
        ],
      },
      {
        word: 'MUST',
        says: "pageSize has the form of the kernel's files",
        shown: [
          ['config/documents.test.ts', 'every bad … is refused, with just the issues beside it'],
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
        says: 'classID and priorities are in force on version 1; version 2 has none of them, and there they are errors',
        shown: [
          [
            'vm/cgroups.test.mjs',
            'classes and priorities of the network are those of the configuration, in hierarchies of version 1',
          ],
          [
            'conformance/config-linux-resources-devices.test.ts',
            ': without the controller the fields are refused by name',
          ],
          ['cgroup/resources.test.ts', 'Network classes and RDMA.'],
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
        word: 'SHOULD',
        says: 'A limit of 0 is 0',
        shown: [
          ['conformance/runtime-operations.test.ts', ': a limit of 0 is 0: nothing can be started any more'],
          ['cgroup/resources.test.ts', 'A number of processes of 0 is a limit, a negative one is none.'],
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
        shown: [['config/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
      },
      {
        word: 'MUST',
        says: 'Limits by device are in force',
        simulated:
          'no machine of the tests has an RDMA device, and the kernel refuses limits of others: shown are the lines that are written, and the error',
        shown: [
          ['vm/cgroups.test.mjs', 'what version 2 has no word for is an error that names all of it'],
          ['cgroup/resources.test.ts', 'Network classes and RDMA.'],
        ],
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
      {
        word: 'MUST',
        says: 'What version 1 has and version 2 has no word for is an error',
        shown: [
          ['conformance/unified-view.ts', ': what version 2 has no word for is an error that names it'],
          ['vm/cgroups.test.mjs', 'what version 2 has no word for is an error that names all of it'],
          ['cgroup/resources.test.ts', 'What version 2 does not have is refused, all of it at once.'],
        ],
      },
    ],
  },
]
