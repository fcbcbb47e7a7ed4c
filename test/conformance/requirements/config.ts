/** config.md: version and root. */
import type { Section } from './row.js'

export const config: readonly Section[] = [
  {
    anchor: 'config.md#specification-version',
    rows: [
      {
        word: 'MUST',
        says: '`ociVersion` is a version by SemVer 2.0.0, and anything else is an error',
        shown: [
          ['conformance/runtime-operations.test.ts', ': what is no version, or another one, is an error'],
          ['conformance/runtime-operations.test.ts', ': every 1.x is accepted, a newer one with a warning'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#root',
    rows: [
      {
        word: 'MUST',
        says: 'There is a `root`',
        shown: [['config/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
      },
      {
        word: 'MUST',
        says: '`root.path` is absolute, or relative to the bundle',
        shown: [['conformance/config-root.test.ts', ': the path may be absolute, relative to the bundle, or a link']],
      },
      {
        word: 'MUST',
        says: 'What is there is a directory',
        shown: [['conformance/config-root.test.ts', ': a path that is no directory is an error']],
      },
      {
        word: 'MUST',
        says: 'With `readonly` the root is read-only in the container, and by default it is not',
        shown: [
          ['conformance/config-root.test.ts', ': readonly makes the root read-only, and only the root'],
          ['conformance/config-root.test.ts', ': without readonly the root can be written'],
        ],
      },
    ],
  },
]
