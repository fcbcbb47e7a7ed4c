/** config.md: the process. */
import type { Section } from './row.js'

export const process: readonly Section[] = [
  {
    anchor: 'config.md#process',
    rows: [
      {
        word: 'MUST',
        says: 'With `terminal` a pseudo-terminal of the container is its three standard streams',
        shown: [
          ['conformance/config-terminal.test.ts', ': terminal gives all three streams a terminal of the container'],
          ['conformance/config-terminal.test.ts', ': it is the controlling terminal'],
        ],
      },
      {
        word: 'MUST',
        says: 'consoleSize is the size of the terminal, and is ignored if there is none',
        shown: [
          ['conformance/config-terminal.test.ts', ': consoleSize is the size at the start'],
          ['conformance/config-terminal.test.ts', ': consoleSize without a terminal is ignored'],
        ],
      },
      {
        word: 'MUST',
        says: 'cwd is an absolute path, and where the program starts',
        shown: [
          ['conformance/config-process.test.ts', ': cwd is where the process starts'],
          ['conformance/config-process.test.ts', ': a cwd that is no directory, or not absolute, is an error'],
          ['conformance/config-process.test.ts', ': a missing cwd is made, with mode 0755'],
        ],
      },
      {
        word: 'MUST',
        says: 'env is the environment',
        shown: [
          ['conformance/config-process.test.ts', ': the environment is exactly that of the configuration, and HOME'],
          ['conformance/config-process.test.ts', ': of several values of a name the last one wins'],
        ],
      },
      {
        word: 'MUST',
        says: 'args has at least one entry, and arrives as execvp(3) would pass it',
        shown: [
          ['conformance/config-process.test.ts', ': the arguments arrive as they are'],
          ['conformance/config-process.test.ts', ': a name is looked up in the PATH of the container'],
          ['conformance/config-process.test.ts', ': args, env and cwd of the wrong kind are errors, all at once'],
        ],
      },
      {
        word: 'MUST',
        says: 'There is a `process` if the container is started',
        shown: [['conformance/config-process.test.ts', ': it may be left out, and then there is nothing to start']],
      },
    ],
  },
  {
    anchor: 'config.md#posix-process',
    rows: [
      {
        word: 'MUST',
        says: 'Each of rlimits is, in the kernel, what is listed: soft and hard',
        shown: [
          ['conformance/config-process-limits.test.ts', ': every limit, as the kernel has it'],
          ['conformance/config-process-limits.test.ts', ': the process has its limits from the first instruction on'],
        ],
      },
      {
        word: 'MUST',
        says: 'One that the kernel does not know is an error',
        shown: [['conformance/config-process-limits.test.ts', ': what is known to be wrong is an error that names it']],
      },
      {
        word: 'MUST',
        says: 'One that is listed twice is an error',
        shown: [['conformance/config-process-limits.test.ts', ': what is known to be wrong is an error that names it']],
      },
    ],
  },
  {
    anchor: 'config.md#linux-process',
    rows: [
      {
        word: 'MUST',
        says: 'The five sets of capabilities are those listed',
        shown: [
          ['conformance/config-process-user.test.ts', ': the five sets of capabilities, each by itself'],
          ['conformance/config-process-user.test.ts', ': before execve the sets are exactly those listed'],
          ['conformance/config-process-user.test.ts', ': without capabilities there are none'],
        ],
      },
      {
        word: 'MUST',
        says: "One that is unknown, or can't be granted, is a warning",
        shown: [
          ['conformance/config-process-user.test.ts', ': an unknown capability is left out with a warning'],
          [
            'conformance/config-process-user.test.ts',
            ': what can not be granted is left out with a warning, and is no error',
          ],
        ],
      },
      {
        word: 'SHOULD',
        says: 'It is no error',
        shown: [
          [
            'conformance/config-process-user.test.ts',
            ': what can not be granted is left out with a warning, and is no error',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'noNewPrivileges keeps programs from gaining privileges',
        shown: [['conformance/config-process.test.ts', 'config.md#process: noNewPrivileges']],
      },
      {
        word: 'MUST',
        says: 'oomScoreAdj is set if it is given',
        shown: [['conformance/config-process.test.ts', ': oomScoreAdj is set if it is given, and left alone if not']],
      },
      {
        word: 'MUST',
        says: 'It is left alone if it is not',
        shown: [['conformance/config-process.test.ts', ': oomScoreAdj is set if it is given, and left alone if not']],
      },
      {
        word: 'MUST',
        says: 'The process has the AppArmor profile that is named, or it is an error',
        shown: [
          ['vm/labels.test.mjs', 'the process has the AppArmor profile that is named'],
          ['vm/labels.test.mjs', 'an AppArmor profile that is not loaded is an error that names the field'],
          [
            'conformance/config-process.test.ts',
            'config.md#process: a label that the kernel has no module for is an error',
          ],
          ['compile/identity.test.ts', 'labels are written while a procfs of our own can be had'],
        ],
      },
      {
        word: 'MUST',
        says: 'The process has the SELinux label that is named, or it is an error',
        simulated: 'no kernel of the tests has SELinux: shown are the error, and the steps in the plan',
        shown: [
          [
            'conformance/config-process.test.ts',
            'config.md#process: a label that the kernel has no module for is an error',
          ],
          ['compile/identity.test.ts', 'labels are written while a procfs of our own can be had'],
        ],
      },
      {
        word: 'MUST',
        says: 'scheduler: policy, nice, priority, flags, runtime, deadline and period are those listed',
        shown: [
          ['conformance/config-process-scheduling.test.ts', ': scheduler … with its priority'],
          ['conformance/config-process-scheduling.test.ts', ': scheduler … with a nice value'],
          ['conformance/config-process-scheduling.test.ts', ': scheduler flags'],
          ['conformance/config-process-scheduling.test.ts', ': scheduler SCHED_DEADLINE with its three times'],
          ['conformance/config-process-scheduling.test.ts', ': scheduler SCHED_IDLE'],
        ],
      },
      {
        word: 'MUST',
        says: 'What of it is not set is 0',
        shown: [['conformance/config-process-scheduling.test.ts', ': of the scheduler, what is not set is 0']],
      },
      {
        word: 'MUST',
        says: 'What does not fit the policy is an error',
        shown: [
          ['conformance/config-process-scheduling.test.ts', ': … needs a priority from 1 to 99'],
          ['conformance/config-process-scheduling.test.ts', ': … has no priority and no deadline'],
          ['conformance/config-process-scheduling.test.ts', ': a nice value is from -20 to 19'],
          ['conformance/config-process-scheduling.test.ts', ': the times of SCHED_DEADLINE are in order'],
        ],
      },
      {
        word: 'MUST',
        says: 'ioPriority: class and priority are those listed, others are errors',
        shown: [
          ['conformance/config-process-scheduling.test.ts', ': ioPriority …'],
          ['conformance/config-process-scheduling.test.ts', ': an I/O priority is from 0 to 7, of a known class'],
        ],
      },
      {
        word: 'MUST',
        says: 'execCPUAffinity: a process that joins runs on the initial CPUs before it is in the cgroup, and on the final ones afterwards',
        shown: [
          [
            'conformance/config-process-scheduling.test.ts',
            ': exec runs on the initial CPUs before it is in the cgroup, which may have others',
          ],
          [
            'conformance/config-process-scheduling.test.ts',
            ': a process that is added by exec has the final affinity and priorities',
          ],
        ],
      },
      {
        word: 'SHOULD',
        says: 'Without it the affinity is not changed',
        partly:
          'with `initial` alone the kernel decides, as the specification has it; with neither, the CPUs are those of the cgroup, and not what the kernel remembers of the caller (Linux 6.2), as with runc',
        shown: [
          ['conformance/config-process-scheduling.test.ts', ': execCPUAffinity does not concern the first process'],
          ['integration/cli-affinity.test.ts', 'exec on one CPU gives the process all of its cgroup: …'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#posix-platform-user',
    rows: [
      {
        word: 'MUST',
        says: 'uid, gid and additionalGids are those of the process, as counted in the container',
        shown: [
          ['conformance/config-process-user.test.ts', ': uid, gid and additional groups, in all their variants'],
          ['conformance/config-linux-user-namespace.test.ts', 'config.md#user: ids that are not mapped are errors'],
        ],
      },
      {
        word: 'MUST',
        says: 'umask is set if it is given',
        shown: [['conformance/config-process-user.test.ts', ': umask if it is given']],
      },
      {
        word: 'SHOULD',
        says: 'It is that of the caller if it is not',
        shown: [['conformance/config-process-user.test.ts', ': without umask it is that of the caller']],
      },
    ],
  },
  {
    anchor: 'config.md#hostname',
    rows: [
      {
        word: 'MUST',
        says: "The host name is that of the container's UTS namespace",
        shown: [
          ['conformance/config-linux-sysctl.test.ts', ': it is that of the container, and not of the host'],
          [
            'conformance/config-linux-sysctl.test.ts',
            ': without a uts namespace they would be those of the host, and are errors',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#domainname',
    rows: [
      {
        word: 'MUST',
        says: "The domain name is that of the container's UTS namespace",
        shown: [['conformance/config-linux-sysctl.test.ts', ': it is that of the container, and not of the host']],
      },
    ],
  },
]
