/**
 * What the runtime specification 1.3 asks for on Linux, and the tests that show it. docs/conformance.md is made of this
 * table (`npm run generate`), and page.test.ts holds it against the tests.
 */
import { cgroups } from './requirements/cgroups.js'
import { choices } from './requirements/choices.js'
import { config } from './requirements/config.js'
import { document } from './requirements/document.js'
import { features } from './requirements/features.js'
import { hooks } from './requirements/hooks.js'
import { inside } from './requirements/inside.js'
import { linux } from './requirements/linux.js'
import { mounts } from './requirements/mounts.js'
import { operations } from './requirements/operations.js'
import { process } from './requirements/process.js'
import { rdt } from './requirements/rdt.js'
import { resources } from './requirements/resources.js'
import type { Choice, Row, Shown } from './requirements/row.js'
import { runtime } from './requirements/runtime.js'
import { seccomp } from './requirements/seccomp.js'

export interface Requirement {
  /** Such as `config.md#mounts`. */
  readonly anchor: string
  readonly word: 'MUST' | 'SHOULD'
  /** The sentence in our words. */
  readonly says: string
  readonly status: 'yes' | 'simulated' | 'partial' | 'no'
  /** Why the status is not `yes`; then never empty. */
  readonly reason: string
  readonly tests: readonly { readonly file: string; readonly title: string }[]
}

const CONFIG = [...config, ...mounts, ...process, ...hooks, ...document]
const LINUX = [...linux, ...inside, ...cgroups, ...resources, ...rdt, ...seccomp]
const SECTIONS = [...CONFIG, ...LINUX, ...runtime, ...operations, ...features]

/** In the order of the page. */
export const REQUIREMENTS: readonly Requirement[] = SECTIONS.flatMap(({ anchor, rows }) =>
  rows.map(row => ({
    anchor,
    word: row.word,
    says: row.says,
    status: statusOf(row),
    reason: row.not ?? row.partly ?? row.simulated ?? '',
    tests: testsOf(anchor, row.shown),
  })),
)

function testsOf(anchor: string, shown: readonly Shown[]): Requirement['tests'] {
  return shown.map(([file, title]) => ({
    file: `test/${file}`,
    title: title.startsWith(': ') ? `${anchor}${title}` : title,
  }))
}

function statusOf({ not, partly, simulated }: Row): Requirement['status'] {
  if (not !== undefined) return 'no'
  if (partly !== undefined) return 'partial'
  return simulated === undefined ? 'yes' : 'simulated'
}

/** What tsrun decides where the specification leaves it to the runtime. */
export const CHOICES: readonly (Omit<Choice, 'shown'> & Pick<Requirement, 'tests'>)[] = choices.map(
  ({ anchor, says, why, shown }) => ({ anchor, says, why, tests: testsOf(anchor, shown) }),
)
