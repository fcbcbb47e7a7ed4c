/** runtime.md: state and lifecycle. */
import type { Section } from './row.js'

export const runtime: readonly Section[] = [
  {
    anchor: 'runtime.md#scope-of-a-container',
    rows: [
      {
        word: 'MUST',
        says: 'Whoever has created a container can use every operation on it',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': another runtime on the same directory can do the rest'],
          ['integration/lifecycle.test.ts', 'a container goes through create, start, wait and delete'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#state',
    rows: [
      {
        word: 'MUST',
        says: 'The state has the version of the specification, the id, the status and the absolute path of the bundle',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            ': the version is that of the configuration, and the bundle is absolute',
          ],
          ['conformance/runtime-lifecycle.test.ts', ': the document at each status, valid by its own reader'],
        ],
      },
      {
        word: 'MUST',
        says: 'The id is unique among the containers of this host that the runtime knows: those of one state directory',
        shown: [['integration/lifecycle.test.ts', 'of twenty creates of one id at once exactly one succeeds']],
      },
      {
        word: 'MUST',
        says: 'The status is creating, created, running or stopped, at the time that each of them stands for',
        shown: [
          ['conformance/runtime-operations.test.ts', ': a container that is being created says so, and has its pid'],
          ['conformance/config-hooks.test.ts', ': hooks get the state on standard input, as it is at that time'],
        ],
      },
      {
        word: 'MUST',
        says: 'A status beyond these stands for a state that none of them means (`paused`)',
        shown: [['integration/pause.test.ts', 'a paused container stands still until it is resumed']],
      },
      {
        word: 'MUST',
        says: 'The pid is there while the container is created or running',
        shown: [
          ['conformance/runtime-operations.test.ts', ': a container that is being created says so, and has its pid'],
          ['integration/lifecycle.test.ts', 'a container goes through create, start, wait and delete'],
        ],
      },
      {
        word: 'MUST',
        says: "For a hook in the container's namespaces the pid is the one that is seen there",
        shown: [['conformance/config-hooks.test.ts', ': hooks get the state on standard input, as it is at that time']],
      },
      {
        word: 'MUST',
        says: 'Annotations of the configuration are in the state',
        shown: [['conformance/config-hooks.test.ts', ': hooks get the state on standard input, as it is at that time']],
      },
      {
        word: 'MUST',
        says: 'The document is valid by the schema of the state',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', ': the document at each status, valid by its own reader'],
          ['config/documents.test.ts', 'every good … is accepted, with just the warnings beside it'],
        ],
      },
    ],
  },
  {
    anchor: 'runtime.md#lifecycle',
    rows: [
      {
        word: 'MUST',
        says: 'The environment is made as the configuration says, or create is an error',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', 'runtime.md#create: everything is there but the program'],
          [
            'conformance/runtime-lifecycle.test.ts',
            'runtime.md#errors: a create that fails leaves everything as it was',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'The program does not run before start',
        shown: [['integration/lifecycle.test.ts', 'what create makes does not run before start']],
      },
      {
        word: 'MUST',
        says: 'What happens to config.json after create does not matter to the container',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            'runtime.md#create: what becomes of config.json afterwards is of no effect',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'prestart, createRuntime and createContainer hooks run as part of create, in this order',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'If one of them fails, create is an error, the container is stopped and destroyed, and its poststop hooks run',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            ': a … hook that fails is an error of create, which leaves nothing',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'startContainer hooks run in start, before the program',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'If one of them fails, start is an error, and the container is destroyed',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            ': a … hook that fails is an error of start, and the container is destroyed',
          ],
          ['conformance/config-hooks-failures.test.ts', ': the program has not run if a startContainer hook fails'],
        ],
      },
      {
        word: 'MUST',
        says: 'The program of `process` runs',
        shown: [
          [
            'conformance/runtime-lifecycle.test.ts',
            'runtime.md#start: resolves when the program is the process, and works once',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'poststart hooks run when the program does',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'If one of them fails, start is an error, and the container is stopped and destroyed',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            ': a … hook that fails is an error of start, and the container is destroyed',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'delete undoes what create has done',
        shown: [
          ['conformance/runtime-lifecycle.test.ts', 'runtime.md#delete: undoes what create has done, and only that'],
        ],
      },
      {
        word: 'MUST',
        says: 'poststop hooks run after that',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
          ['conformance/config-hooks-failures.test.ts', ': poststop hooks run once, also when delete is forced'],
        ],
      },
      {
        word: 'MUST',
        says: 'A poststop hook that fails is a warning, and the others run all the same',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            ': a poststop hook that fails is a warning, and the others run',
          ],
        ],
      },
    ],
  },
]
