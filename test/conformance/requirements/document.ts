/** config.md: what holds for the whole document. */
import type { Section } from './row.js'

export const document: readonly Section[] = [
  {
    anchor: 'config.md#annotations',
    rows: [
      {
        word: 'MUST',
        says: 'A map of texts, whose keys are not empty',
        shown: [['config/documents.test.ts', 'every bad … is refused, with just the issues beside it']],
      },
      {
        word: 'MUST',
        says: 'Unknown keys are ignored like other unknown properties',
        shown: [['config/normalise.test.ts', 'annotations keep any key and have no prototype']],
      },
    ],
  },
  {
    anchor: 'config.md#extensibility',
    rows: [
      {
        word: 'MUST',
        says: 'Unknown properties are ignored, and never an error',
        shown: [['config/documents.test.ts', 'every good … is accepted, with just the warnings beside it']],
      },
    ],
  },
  {
    anchor: 'config.md#valid-values',
    rows: [
      {
        word: 'MUST',
        says: 'Values that are invalid, or valid and not supported, are errors',
        shown: [
          [
            'conformance/fields.test.ts',
            'a value of the wrong type is an error that names the field, for every field that there is',
          ],
          ['config/documents.test.ts', 'every bad … is refused, with just the issues beside it'],
          ['config/read-config.test.ts', 'any member may be of any wrong type without more than an issue'],
          [
            'config/fuzz.test.ts',
            'two thousand mutated configurations are accepted or refused with a typed error, within a second each',
          ],
        ],
      },
    ],
  },
]
