/**
 * A root with musl, as Alpine has it, and a Node in it. No registry that is used here has a Node for musl by itself, but one has pnpm as
 * an application with Node inside, which is Node alone if it is told so. It is linked to libstdc++, which Debian has for glibc only:
 * musl.c is what that takes from glibc.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of version 11: the next one is not made with Node. */
const APPLICATION = '@pnpm/linuxstatic-x64@11'
/** Behind it is whether the file is an application: https://nodejs.org/api/single-executable-applications.html */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:'

const SOURCE = fileURLToPath(new URL('musl.c', import.meta.url))
const MUSL = '/usr/lib/x86_64-linux-musl/libc.so'

function run(command, ...args) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout.trim()
}

function nodeOf(folder) {
  const [archive] = run('npm', 'pack', '--silent', '--pack-destination', folder, APPLICATION).split('\n').slice(-1)
  run('tar', 'xzf', join(folder, archive), '-C', folder)
  const file = readFileSync(join(folder, 'package/pnpm'))
  for (const name of [archive, 'package']) rmSync(join(folder, name), { recursive: true })
  const fuse = file.indexOf(FUSE) + FUSE.length
  if (fuse < FUSE.length || file[fuse] !== '1'.charCodeAt(0)) throw new Error(`${APPLICATION} is not made with Node`)
  file[fuse] = '0'.charCodeAt(0)
  return file
}

/** A library without anything in it, for the linker and for those who ask for its name. */
function makeEmpty(path, name) {
  const { status, stderr } = spawnSync(
    'cc',
    ['-shared', '-nostdlib', '-x', 'c', '-', `-Wl,-soname,${name}`, '-o', path],
    {
      encoding: 'utf8',
      input: '',
    },
  )
  if (status !== 0) throw new Error(stderr)
}

/** musl.c comes before musl's own names, as the library of the compiler, which it brings along. */
function makeLibraries(folder) {
  const at = name => join(folder, 'usr/lib', name)
  const ofCompiler = name => run('cc', `-print-file-name=${name}`)
  makeEmpty(join(folder, 'libgcc_own.so'), 'libgcc_own.so')
  const linked = ['-Wl,-soname,libgcc_s.so.1', '-Wl,--no-as-needed', join(folder, 'libgcc_own.so'), '-lc']
  const options = ['-O2', '-shared', '-fPIC', '-fno-builtin', '-nostartfiles', '-nodefaultlibs']
  run('musl-gcc', ...options, SOURCE, '-o', at('libgcc_s.so.1'), ...linked)
  rmSync(join(folder, 'libgcc_own.so'))
  copyFileSync(ofCompiler('libgcc_s.so.1'), at('libgcc_own.so'))
  copyFileSync(ofCompiler('libstdc++.so.6'), at('libstdc++.so.6'))
  makeEmpty(at('ld-linux-x86-64.so.2'), 'ld-linux-x86-64.so.2')
}

/** Has `lib`, `usr/lib`, `bin/busybox` and `node`. */
export function makeMusl(folder) {
  for (const name of ['lib', 'usr/lib', 'bin', 'dev', 'etc', 'tmp']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'node'), nodeOf(folder))
  makeLibraries(folder)
  copyFileSync(MUSL, join(folder, 'lib/ld-musl-x86_64.so.1'))
  copyFileSync('/bin/busybox', join(folder, 'bin/busybox'))
  for (const name of ['node', 'lib/ld-musl-x86_64.so.1', 'bin/busybox']) chmodSync(join(folder, name), 0o755)
}
