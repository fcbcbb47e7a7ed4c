/** runtime.md: operations, and runtime-linux.md. */
import type { Section } from './row.js'

export const operations: readonly Section[] = [
  {
    anchor: 'runtime.md#errors',
    rows: [
      {
        word: 'MUST',
        says: 'An operation that fails leaves everything as if it had not been tried',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': a create that fails leaves everything as it was'],
          [
            'integration/crash.test.ts',
            'kill -9 between any two steps of create leaves nothing that delete does not remove',
          ],
          [
            'integration/fuzz.test.ts',
            'a mutated configuration is created, or refused with a typed error, and leaves nothing',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#warnings',
    rows: [
      {
        word: 'MUST',
        says: 'A warning changes nothing about what goes on',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            'runtime.md#lifecycle: a poststop hook that fails is a warning, and the others run',
          ],
          [
            'conformance/config-process-user.test.ts',
            'config.md#linux-process: an unknown capability is left out with a warning',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#query-state',
    rows: [
      {
        word: 'MUST',
        says: 'Without an id it is an error',
        shown: [['integration/cli-errors.test.ts', 'a call that cannot be understood shows the help, and says why']],
      },
      {
        word: 'MUST',
        says: 'Of a container that does not exist it is an error',
        shown: [['conformance/runtime-operations.test.ts', ': of a container that is not there it is an error']],
      },
      {
        word: 'MUST',
        says: 'It returns the state',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            'runtime.md#state: the document at each status, valid by its own reader',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#create',
    rows: [
      {
        word: 'MUST',
        says: 'Without an id or a bundle it is an error',
        shown: [
          ['integration/cli-errors.test.ts', 'a call that cannot be understood shows the help, and says why'],
          ['conformance/runtime-lifecycle.test.ts', ': a bundle that is none is an error'],
        ],
      },
      {
        word: 'MUST',
        says: 'An id that is taken, or is none, is an error, and no container is made',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': an id that is taken, or is none, is an error without effect'],
          ['integration/lifecycle.test.ts', 'ids that are paths are refused before anything is made'],
        ],
      },
      {
        word: 'MUST',
        says: 'It makes a container with all that is configured but `process`',
        shown: [['conformance/runtime-lifecycle.test.ts', ': everything is there but the program']],
      },
      {
        word: 'MUST',
        says: '`process.args` has no effect before start',
        shown: [['integration/lifecycle.test.ts', 'what create makes does not run before start']],
      },
      {
        word: 'MUST',
        says: 'A property that can not be applied is an error, and no container is made',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            'runtime.md#errors: a create that fails leaves everything as it was',
          ],
          ['integration/cli-errors.test.ts', 'all that is wrong with a configuration is told at once'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#start',
    rows: [
      {
        word: 'MUST',
        says: 'Without an id it is an error',
        shown: [['integration/cli-errors.test.ts', 'a call that cannot be understood shows the help, and says why']],
      },
      {
        word: 'MUST',
        says: 'What is not created is left as it is, and an error',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': of what is stopped or gone it is an error'],
          ['integration/lifecycle.test.ts', 'start needs a created container'],
        ],
      },
      {
        word: 'MUST',
        says: 'It runs the program as `process` says',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': resolves when the program is the process, and works once'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without `process` it is an error',
        shown: [
          [
            'conformance/config-process.test.ts',
            'config.md#process: it may be left out, and then there is nothing to start',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#kill',
    rows: [
      {
        word: 'MUST',
        says: 'Without an id it is an error',
        shown: [['integration/cli-errors.test.ts', 'a call that cannot be understood shows the help, and says why']],
      },
      {
        word: 'MUST',
        says: 'What is neither created nor running is left as it is, and an error',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            ': of what does not run, and with what is no signal, it is an error',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'The signal reaches the process of the container',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': the signal that is named reaches the process'],
          ['conformance/runtime-lifecycle.test.ts', ': a created container can be killed'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#delete',
    rows: [
      {
        word: 'MUST',
        says: 'Without an id it is an error',
        shown: [['integration/cli-errors.test.ts', 'a call that cannot be understood shows the help, and says why']],
      },
      {
        word: 'MUST',
        says: 'What is not stopped is left as it is, and an error',
        shown: [['conformance/runtime-lifecycle.test.ts', ': of what runs it is an error without effect']],
      },
      {
        word: 'MUST',
        says: 'What create has made is removed',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': undoes what create has done, and only that'],
          ['conformance/config-linux-cgroups.test.ts', ': what was there before create is there after delete'],
        ],
      },
      {
        word: 'MUST',
        says: 'What the container uses and has not made is kept',
        shown: [
          ['conformance/runtime-operations.test.ts', ': a cgroup that was there before is there afterwards'],
          ['conformance/config-linux-cgroups.test.ts', ': what was there before create is there after delete'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#hooks',
    rows: [
      {
        word: 'MUST',
        says: 'Operations call the hooks of the lifecycle',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'runtime-linux.md#file-descriptors',
    rows: [
      {
        word: 'SHOULD',
        says: 'The process has the standard streams and no other descriptor, unless the caller hands some on',
        shown: [
          ['conformance/config-process.test.ts', 'config.md#process: no descriptor but those of the standard streams'],
          ['conformance/config-process.test.ts', 'config.md#process: the descriptors that the caller wants to hand on'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime-linux.md#dev-symbolic-links',
    rows: [
      {
        word: 'MUST',
        says: '/dev/fd, stdin, stdout and stderr are links into /proc/self/fd, if that is there after the mounts',
        shown: [['conformance/config-linux-devices.test.ts', ': fd, stdin, stdout and stderr']],
      },
    ],
  },
]
