/** What a shared library takes from the process that loads it, and whether glibc and musl have it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { run } from './packed.js'

/** For each processor the prefix of its tools, and its glibc. */
export const LIBRARIES = [
  ['x64', '', ['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']],
  [
    'arm64',
    'aarch64-linux-gnu-',
    ['/usr/aarch64-linux-gnu/lib/libc.so.6', '/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1'],
  ],
] as const

const MUSL = ['/usr/lib/x86_64-linux-musl/libc.so']
/** Of Debian 11; Node 22 itself asks for 2.28. */
const OLDEST = [2, 31] as const
/** Not of the C library: what Node exports, and what the linker asks for in vain. */
const NOT_OF_LIBC = /^(napi_|uv_|_ITM_|__gmon_start__$)/
/** Of arm64 alone: for the canary, in both. */
const OF_ARM64 = ['__stack_chk_guard']

const symbols = (prefix: string, which: string, files: readonly string[]) =>
  run('.', `${prefix}nm`, '-D', which, '--format=just-symbols', ...files)
    .stdout.split('\n')
    .filter(line => line !== '' && !line.endsWith(':'))

/** Whether one of the versions of `name` is as old as the oldest glibc; without a version in the file, that one is taken. */
function isInGlibc(name: string, exported: readonly string[]): boolean {
  const versions = exported
    .filter(symbol => symbol.startsWith(`${name}@`))
    .map(symbol => /GLIBC_(\d+)\.(\d+)/.exec(symbol))
  return versions.some(found => found !== null && Number(found[1]) === OLDEST[0] && Number(found[2]) <= OLDEST[1])
}

interface Library {
  readonly file: string
  readonly prefix: string
  readonly libc: readonly string[]
}

export function checkSymbols(t: Test, { file, prefix, libc }: Library): void {
  const wanted = symbols(prefix, '--undefined-only', [file]).filter(name => !NOT_OF_LIBC.test(name))
  const glibc = symbols(prefix, '--defined-only', libc)
  const musl = new Set([...symbols('', '--defined-only', MUSL), ...(prefix === '' ? [] : OF_ARM64)])
  t.ok(wanted.length > 10 && glibc.length > 1000 && musl.size > 1000, 'there is something to compare')
  t.same(
    wanted.filter(name => name.includes('@')),
    [],
    'it asks for no version of a symbol',
  )
  t.same(
    wanted.filter(name => !isInGlibc(name, glibc)),
    [],
    'an old glibc has all that it asks for',
  )
  t.same(
    wanted.filter(name => !musl.has(name)),
    [],
    'musl has all that it asks for',
  )
  t.notMatch(run('.', `${prefix}readelf`, '-d', file).stdout, 'NEEDED', 'it names no library')
}

/** Loads it in a program of musl, which exports what Node would, and returns what that says. */
export function loadWithMusl(folder: string, file: string): string {
  const ofNode = symbols('', '--undefined-only', [file]).filter(name => /^(napi_|uv_)/.test(name))
  const stubs = ofNode.map(name => `void ${name}(void) {}`).join('\n')
  const source = `#include <dlfcn.h>
#include <stdio.h>
${stubs}
int main(int count, char **names) { puts(count == 2 && dlopen(names[1], RTLD_NOW) ? "loaded" : dlerror()); }
`
  writeFileSync(join(folder, 'load.c'), source)
  const compiled = run(folder, 'musl-gcc', '-w', '-rdynamic', '-o', 'load', 'load.c')
  return compiled.status === 0 ? run(folder, './load', file).stdout.trim() : compiled.output
}
