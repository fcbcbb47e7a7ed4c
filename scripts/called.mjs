/**
 * `node scripts/called.mjs`, as root, after a build: makes containers by the command in the ways that it is usually called in, asks V8 which
 * functions that took, and writes scripts/called-functions.txt. The code cache has these (code-cache.mjs), and lets others be compiled
 * when they are called. To be done when a test says that too many are missing.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeBundle } from '../benchmarks/bundle.mjs'
import { pathOf } from '../benchmarks/machine.mjs'
import { INSIDE_V2 } from '../benchmarks/subjects.mjs'
import { functionsOf, writeNames } from './functions.mjs'

const command = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'cli', 'tsrun.cjs')
const ID = `tsrun-called-${process.pid}`

/** Where the program of the bundle ends at once, and where it stays. */
function bundlesIn(place) {
  const { bundle } = makeBundle(join(place, 'small'), pathOf('busybox'))
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
  config.process.args = ['/bin/busybox', 'sleep', '100']
  const stays = join(place, 'stays')
  mkdirSync(stays)
  config.root.path = join(bundle, 'rootfs')
  writeFileSync(join(stays, 'config.json'), JSON.stringify(config))
  const whole = join(place, 'whole')
  mkdirSync(whole)
  execFileSync(process.execPath, [command, 'spec', '--bundle', whole, '--host-root', '--', '/bin/true'])
  return { ends: bundle, stays, whole }
}

/** As people call it, and as engines do. Where the cgroups of version 2 have no controllers, nothing is limited. */
function callsOn(place, { ends, stays, whole }, hasLimits) {
  const [log, pid, program] = ['log.json', 'pid', 'process.json'].map(name => join(place, name))
  const { process: asConfigured } = JSON.parse(readFileSync(join(stays, 'config.json'), 'utf8'))
  writeFileSync(program, JSON.stringify({ ...asConfigured, args: ['/bin/true'] }))
  const engine = ['--log', log, '--log-format', 'json']
  return [
    ['run', '--bundle', ends, ID],
    ...(hasLimits ? [['run', '--bundle', whole, ID]] : []),
    ['create', '--bundle', stays, ID],
    ['start', ID],
    ['state', ID],
    ['exec', ID, '/bin/true'],
    ['pause', ID],
    ['resume', ID],
    ...(hasLimits ? [['update', '--pids-limit', '100', ID]] : []),
    ['ps', ID],
    ['events', '--stats', ID],
    ['list'],
    ['kill', ID, 'KILL'],
    ['delete', '--force', ID],
    [...engine, 'create', '--bundle', stays, '--pid-file', pid, ID],
    [...engine, 'start', ID],
    [...engine, 'exec', '--process', program, '--pid-file', pid, '--detach', ID],
    [...engine, 'kill', '--all', ID, '9'],
    [...engine, 'delete', '--force', ID],
  ]
}

/** The names of what V8 says was called. */
function calledIn(folder) {
  const names = new Set()
  for (const file of readdirSync(folder)) {
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    const program = result.find(({ url }) => /\/program-[0-9a-f]+\.js$/.test(url))
    const called = new Set(
      program.functions.filter(({ ranges: [all] }) => all.count > 0).map(({ ranges: [all] }) => all.endOffset),
    )
    for (const { name, end } of functionsIn(program.url)) if (called.has(end)) names.add(name)
  }
  return names
}

const known = new Map()
function functionsIn(url) {
  if (!known.has(url)) known.set(url, functionsOf(readFileSync(fileURLToPath(url), 'latin1')))
  return known.get(url)
}

const place = mkdtempSync(join(tmpdir(), 'tsrun-called-'))
try {
  const coverage = join(place, 'coverage')
  const bundles = bundlesIn(place)
  for (const before of [[], INSIDE_V2]) {
    for (const words of callsOn(place, bundles, before.length === 0)) {
      const [file, ...rest] = [...before, process.execPath, command, '--root', join(place, 'state'), ...words]
      execFileSync(file, rest, {
        env: { ...process.env, NODE_V8_COVERAGE: coverage },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    }
  }
  const names = calledIn(coverage)
  writeNames(names)
  console.log(`${names.size} names`)
} finally {
  rmSync(place, { recursive: true })
}
