/** The two forms of the command, called alike. */
import { resolve } from 'node:path'
import { execute, FORMS, type Outcome, type Surroundings } from './command.js'

export const EXECUTABLE = resolve(FORMS.standalone)
export const NODE_FORM = resolve(FORMS.node)

/** What follows each answer of test/integration/answers.ts. */
export const END = '\u0001end of an answer '

/** Times differ, and what lists of commands say of those that only Node's form has. */
export const settledText = (text: string): string =>
  text
    .replaceAll(/"?\d{4}-\d\d-\d\dT[\d:.]+Z"?/g, 'TIME')
    .replaceAll(/^(\s*(?:image|volume|sandbox|doctor)\s).*$/gm, '$1...')

/** What can be compared of what a call wrote and returned. */
export const settled = ({ status, stdout, stderr }: Outcome): Outcome => ({
  status,
  stdout: settledText(stdout),
  stderr: settledText(stderr),
})

/** Of the executable, then of Node's form. */
export function withBoth(args: readonly string[], surroundings: Surroundings): readonly [Outcome, Outcome] {
  const ours = execute(EXECUTABLE, args, surroundings)
  return [settled(ours), settled(execute(process.execPath, [NODE_FORM, ...args], surroundings))]
}
