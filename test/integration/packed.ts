/** Packs the package as somebody does in a fresh clone, and installs what was packed. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

export const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
export const ARCHIVE = `tsrun-${version}.tgz`

/** The environment without what the npm that runs these tests says about this project. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_(lifecycle|package)_|npm_config_local_prefix|INIT_CWD)/.test(name) || name.includes('node_gyp'),
  ),
)

export function run(folder: string, command: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: environment })
  return { status, stdout, stderr, output: `${stdout}${stderr}` }
}

export function temporary(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The files that git has or would take, as they are now, in a folder of their own. */
export function clone(t: Test): string {
  const folder = join(temporary(t), 'clone')
  const { stdout } = run('.', 'git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard')
  for (const name of new Set(stdout.split('\0').filter(name => name !== ''))) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    cpSync(name, join(folder, name))
  }
  return folder
}

/** What `npm ci` would put there, with files that are shared with the original. */
export function addDependencies(folder: string): void {
  const { status, output } = run('.', 'cp', '-al', 'node_modules', join(folder, 'node_modules'))
  if (status !== 0) throw new Error(output)
}

/** An empty project. */
export function project(t: Test): string {
  const folder = temporary(t)
  mkdirSync(join(folder, 'rootfs'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  writeFileSync(join(folder, 'use.mjs'), USE)
  return folder
}

/** Says what comes of a container without a program: an error that only a working installation has. */
const USE = `
import { createRuntime, isTsrunError } from 'tsrun'
const config = { ociVersion: '1.2.0', process: { cwd: '/', args: ['/no-such-program'] }, linux: { namespaces: [{ type: 'mount' }] } }
const folder = process.argv[2] ?? process.cwd()
try {
  await createRuntime({ root: folder + '/state' }).run({ config, rootfs: folder + '/rootfs' })
} catch (error) {
  console.log(isTsrunError(error) + ' ' + error.code + ' ' + error.message)
}
`
export const WORKS = /^true ERR_LAUNCH_EXEC .*no-such-program/m
