/** Cgroups that a container has nested below its own, deeper than any path reaches. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { leftovers, makeBundle } from '../bundle.js'
import { commandOn } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1'), timeout: 120_000 }

/** Goes down `levels` directories, making them, and puts a process into the lowest, whose pid is printed. */
const NEST = `
const { mkdirSync, writeFileSync } = require('node:fs')
const { spawn } = require('node:child_process')
const [directory, levels] = process.argv.slice(1)
process.chdir(directory)
for (let level = 0; level < Number(levels); level++) {
  const name = 'x'.repeat(200) + level
  mkdirSync(name)
  if (level % 7 === 0) mkdirSync('beside')
  process.chdir(name)
}
const child = spawn('/bin/sleep', ['1000'], { cwd: '/', detached: true, stdio: 'ignore' })
writeFileSync('cgroup.procs', String(child.pid))
child.unref()
console.log(child.pid)
`

function nest(directory: string, levels: number): number {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', NEST, directory, String(levels)], { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return Number(stdout)
}

const ends = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/root`) || / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

for (const hierarchy of ['pids', 'freezer', 'unified']) {
  const place = join('/sys/fs/cgroup', hierarchy)
  const there = existsSync(join(place, 'cgroup.procs')) ? {} : { skip: `there is no ${place}` }
  t.test(`nested in ${hierarchy}`, { ...skip, ...there }, async t => {
    const box = makeBundle(t)
    const id = box.id()
    box.configure(config => {
      config.process.args = ['/bin/sleep', '1000']
      config.linux.cgroupsPath = `/${id}`
    })
    const container = await box.runtime.create({ id, bundle: box.bundle, stdio: 'ignore' })
    await container.start()
    const tsrun = commandOn(box)
    const deep = nest(join(place, id), 60)
    t.match(tsrun(['ps', id]), { status: 0 })
    t.match(tsrun(['pause', id]), { status: 0 })
    t.match(tsrun(['resume', id]), { status: 0 })
    t.match(tsrun(['delete', '--force', id]), { status: 0 })
    t.ok(ends(deep), 'the process below is gone')
    t.ok(ends(container.pid), 'the init is gone')
    t.same(leftovers(id), [])
  })
}
