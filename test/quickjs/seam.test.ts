/** lib/quickjs against Node: the same cases on both engines. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { execute } from '../command.js'
import { missing } from '../needs.js'
import { tryAll, tryOrder } from './cases.js'

t.test(
  'what lib uses of Node is the same on QuickJS',
  { skip: missing('standalone', 'cc'), timeout: 300_000 },
  async t => {
    const folder = t.testdir()
    const program = join(folder, 'program')
    const words = ['scripts/standalone/build.mjs', '--entry', resolve('test/quickjs/program.ts'), '--output', program]
    t.match(spawnSync(process.execPath, words, { encoding: 'utf8' }), { status: 0 })
    const place = join(folder, 'place')
    mkdirSync(place)
    const cwd = process.cwd()
    const { status, stdout, stderr } = execute(program, [place], { cwd, env: { SEAM: 'a=b' } })
    t.same({ status, stderr }, { status: 0, stderr: '' })
    rmSync(place, { recursive: true })
    mkdirSync(place)
    process.env.SEAM = 'a=b'
    const [all, order] = JSON.parse(stdout)
    const expected = JSON.parse(JSON.stringify(tryAll(place)))
    for (const name of Object.keys(expected)) t.same(all[name], expected[name], name)
    t.same(order, await tryOrder())
  },
)
