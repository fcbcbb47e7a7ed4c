/** config-linux.md: seccomp. */
import type { Section } from './row.js'

export const seccomp: readonly Section[] = [
  {
    anchor: 'config-linux.md#seccomp',
    rows: [
      {
        word: 'MUST',
        says: 'defaultAction holds for what no rule names',
        shown: [
          ['conformance/config-linux-seccomp.test.ts', ': a filter that denies by default, with an errno of its own'],
        ],
      },
      {
        word: 'MUST',
        says: 'The actions SCMP_ACT_KILL, KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, TRACE, ALLOW and LOG do what they say',
        shown: [
          ['conformance/config-linux-seccomp.test.ts', ': …'],
          ['conformance/config-linux-seccomp.test.ts', ': SCMP_ACT_ERRNO, …'],
          ['conformance/config-linux-seccomp.test.ts', ': SCMP_ACT_LOG and SCMP_ACT_ALLOW let it pass'],
          ['conformance/config-linux-seccomp.test.ts', ': SCMP_ACT_TRACE without a tracer is ENOSYS'],
          ['seccomp/filter.test.ts', 'every action does what it says'],
        ],
      },
      {
        word: 'MUST',
        says: 'An errno with an action that has none is an error, and without one it is EPERM',
        shown: [
          ['conformance/runtime-operations.test.ts', ': an errno with an action that has none is an error'],
          ['seccomp/filter.test.ts', 'a rule answers with the errno it names, and EPERM if it names none'],
        ],
      },
      {
        word: 'MUST',
        says: "The listed architectures are filtered, besides the machine's own",
        shown: [
          ['conformance/config-linux-seccomp.test.ts', ': architectures and flags'],
          [
            'seccomp/filter.test.ts',
            'the allow-list decides about every number of every architecture as its names say',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'The listed flags are used',
        shown: [
          ['conformance/config-linux-seccomp.test.ts', ': architectures and flags'],
          ['conformance/config-linux-seccomp-notify.test.ts', ': all flags together with a listener'],
          ['seccomp/filter.test.ts', 'flags are taken by the kernel'],
        ],
      },
      {
        word: 'MUST',
        says: 'Rules have at least one name',
        shown: [['conformance/config-linux-seccomp.test.ts', ': what is known to be wrong is an error, all at once']],
      },
      {
        word: 'MUST',
        says: 'Conditions on arguments: all operators, on 64 bits; all must hold',
        shown: [
          ['conformance/config-linux-seccomp.test.ts', ': an argument compared by …'],
          [
            'conformance/config-linux-seccomp.test.ts',
            ': conditions on several arguments must all hold, two on one are alternatives',
          ],
          ['seccomp/filter.test.ts', 'every comparison is that of its operator, on all 64 bits'],
        ],
      },
      {
        word: 'MUST',
        says: 'With SCMP_ACT_NOTIFY the state goes to listenerPath, a stream socket',
        shown: [
          ['conformance/config-linux-seccomp-notify.test.ts', ': the agent answers a system call, … noNewPrivileges'],
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            'config-linux.md#the-container-process-state: one message with all that the agent needs',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'SCMP_ACT_NOTIFY is an action like any other: of every system call, and by default',
        shown: [
          ['conformance/config-linux-seccomp-notify.test.ts', ': SCMP_ACT_NOTIFY by default, … noNewPrivileges'],
          ['conformance/config-linux-seccomp-notify.test.ts', ': SCMP_ACT_NOTIFY of write, … noNewPrivileges'],
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            ': what the runtime itself calls may be notified, … noNewPrivileges',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'One state per connection, which is closed afterwards',
        shown: [
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            'config-linux.md#the-container-process-state: one message with all that the agent needs',
          ],
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            'config-linux.md#the-container-process-state: a message that no socket takes at once arrives whole',
          ],
        ],
      },
      {
        word: 'MUST',
        says: "What can't be sent is an error",
        shown: [
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            ': an agent that can not be reached is an error, and leaves nothing',
          ],
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            ': an agent that hangs up before it has everything is an error',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'Without SCMP_ACT_NOTIFY listenerPath is ignored',
        shown: [
          [
            'conformance/config-linux-seccomp-notify.test.ts',
            ': without NOTIFY the listenerPath is ignored, with a warning',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'listenerMetadata without listenerPath is an error',
        shown: [['conformance/config-linux-seccomp-notify.test.ts', ': NOTIFY needs a listenerPath, metadata too']],
      },
    ],
  },
  {
    anchor: 'config-linux.md#the-container-process-state',
    rows: [
      {
        word: 'MUST',
        says: 'The message has ociVersion, fds, pid, metadata and the state; `seccompFd` is among the names of fds, and comes by SCM_RIGHTS',
        shown: [['conformance/config-linux-seccomp-notify.test.ts', ': one message with all that the agent needs']],
      },
      {
        word: 'MUST',
        says: 'The descriptors come with the first part of the message, and only with that',
        shown: [
          ['conformance/config-linux-seccomp-notify.test.ts', ': a message that no socket takes at once arrives whole'],
        ],
      },
    ],
  },
]
