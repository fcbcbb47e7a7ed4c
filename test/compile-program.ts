/** Small C programs for tests. */
import { execFileSync } from 'node:child_process'

/** Compiles the text of a C program to a static program at `path`. Needs `cc`. */
export function compileProgram(text: string, path: string): void {
  const compiler = process.env.CC ?? 'cc'
  execFileSync(compiler, ['-static', '-O1', '-x', 'c', '-o', path, '-'], { input: text })
}
