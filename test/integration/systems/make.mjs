/**
 * Fetches what package.test.ts installs the package in, into `downloads/` beside this file, unless it is there: `node make.mjs x64-22
 * arm64-22 bullseye musl` is Node 22 for two processors (packages on npm), the files of a small Debian (mmdebstrap), and those of a root
 * with musl and a Node for it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeMusl } from './musl.mjs'

const downloads = join(dirname(fileURLToPath(import.meta.url)), 'downloads')

function run(command, ...args) {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}

function fetchNode(folder, processor, version) {
  run('npm', 'pack', '--silent', '--pack-destination', folder, `node-linux-${processor}@${version}`)
  const [archive] = readdirSync(folder)
  run('tar', 'xzf', join(folder, archive), '-C', folder, '--strip-components=2', 'package/bin/node')
  rmSync(join(folder, archive))
}

/** Only what Node and its shell need: no compiler, no python, no package that is installed by a script. */
const makeDebian = (folder, suite) =>
  run('mmdebstrap', '--variant=extract', '--include=libc6,libstdc++6,libgcc-s1,busybox-static', suite, folder)

function make(name) {
  const target = join(downloads, name)
  if (existsSync(target)) return
  mkdirSync(downloads, { recursive: true })
  const temporary = mkdtempSync(join(downloads, '.making-'))
  try {
    const [processor, version] = name.split('-')
    if (name === 'musl') makeMusl(temporary)
    else if (version === undefined) makeDebian(temporary, name)
    else fetchNode(temporary, processor, version)
    renameSync(temporary, target)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

for (const name of process.argv.slice(2)) make(name)
