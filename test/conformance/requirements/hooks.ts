/** config.md: hooks. */
import type { Section } from './row.js'

export const hooks: readonly Section[] = [
  {
    anchor: 'config.md#posix-platform-hooks',
    rows: [
      {
        word: 'MUST',
        says: 'path is absolute',
        shown: [['conformance/config-hooks.test.ts', ': what is known to be wrong is an error, all at once']],
      },
      {
        word: 'MUST',
        says: 'args and env are exactly those of the hook',
        shown: [
          ['conformance/config-hooks.test.ts', ': the arguments are exactly those of the hook'],
          ['conformance/config-hooks.test.ts', ': the environment is exactly that of the hook'],
          ['conformance/config-hooks.test.ts', ': without args there is the path alone'],
        ],
      },
      {
        word: 'MUST',
        says: 'timeout is above zero, and ends a hook that runs longer',
        shown: [
          [
            'conformance/config-hooks-failures.test.ts',
            ': a … hook that runs past its timeout is killed, with its children',
          ],
          ['conformance/config-hooks.test.ts', ': what is known to be wrong is an error, all at once'],
        ],
      },
      {
        word: 'MUST',
        says: 'Hooks of a kind are called in the listed order',
        shown: [['conformance/config-hooks.test.ts', ': all kinds, in the order of the lifecycle and of the list']],
      },
      {
        word: 'MUST',
        says: 'They get the state on standard input',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'runtime.md#state: hooks get the state on standard input, as it is at that time',
          ],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#prestart',
    rows: [
      {
        word: 'MUST',
        says: 'They run after the namespaces are made, before the root is switched, and before createRuntime hooks',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
          [
            'conformance/config-hooks-root.test.ts',
            ': a hook that enters the mount namespace of the pid can mount in the root',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'Path and process belong to the namespaces of the runtime',
        shown: [
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#createruntime-hooks',
    rows: [
      {
        word: 'MUST',
        says: 'They run after the namespaces are made, and before the root is switched',
        shown: [['conformance/config-hooks-root.test.ts', 'config.md#posix-platform-hooks: which root they see']],
      },
      {
        word: 'MUST',
        says: 'Path and process belong to the namespaces of the runtime',
        shown: [
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#createcontainer-hooks',
    rows: [
      {
        word: 'MUST',
        says: 'They run after createRuntime hooks, and before the root is switched',
        shown: [
          ['conformance/config-hooks-root.test.ts', ': what they mount in the root is there'],
          ['conformance/config-hooks-root.test.ts', ': also if the root is not pivoted to'],
        ],
      },
      {
        word: 'MUST',
        says: "The path is one of the runtime's, the process is in the namespaces of the container",
        shown: [
          ['conformance/config-hooks-root.test.ts', ': they find the root with its mounts where the bundle has it'],
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#startcontainer-hooks',
    rows: [
      {
        word: 'MUST',
        says: 'They run in start, before the program',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'Path and process belong to the container',
        shown: [
          ['conformance/config-hooks-root.test.ts', 'config.md#posix-platform-hooks: which root they see'],
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#poststart',
    rows: [
      {
        word: 'MUST',
        says: 'They run after the program is started, and before start returns, in the namespaces of the runtime',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#poststop',
    rows: [
      {
        word: 'MUST',
        says: 'They run after the container is deleted, and before delete returns, in the namespaces of the runtime',
        shown: [
          [
            'conformance/config-hooks.test.ts',
            'config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list',
          ],
          ['conformance/config-hooks.test.ts', 'config.md#posix-platform-hooks: each kind runs in its namespaces'],
        ],
      },
    ],
  },
]
