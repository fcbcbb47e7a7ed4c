/** The functions that the code cache of the command has: scripts/called-functions.txt, which scripts/called.mjs writes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { commandOn, execute, TSRUN } from '../command.js'
import { missing } from '../needs.js'

interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly {
      readonly ranges: readonly { readonly endOffset: number; readonly count: number }[]
    }[]
  }[]
}

const calls = readdirSync('dist/cli').find(name => name.endsWith('.calls')) ?? ''
const listed = new Set(JSON.parse(readFileSync(join('dist/cli', calls), 'utf8')) as number[])

t.test('most of what usual calls use is in the list', { skip: missing('root', 'busybox') }, t => {
  const made = makeBundle(t)
  const [call, id] = [commandOn(made), made.id()]
  const usual = { run: ['run', id], create: ['create', id], start: ['start', id], delete: ['delete', '--force', id] }
  for (const [name, words] of Object.entries(usual)) {
    const coverage = t.testdir({})
    t.match(call(words, { env: { NODE_V8_COVERAGE: coverage } }), { status: 0 }, name)
    const text = readFileSync(join(coverage, readdirSync(coverage)[0] ?? ''), 'utf8')
    const { result } = JSON.parse(text) as Coverage
    const program = resolve('dist/cli', calls.replace('.calls', ''))
    const ranges = result.find(({ url }) => url.endsWith(program))?.functions.flatMap(({ ranges: [all] }) => all ?? [])
    const called = ranges?.filter(({ count }) => count > 0) ?? []
    const missed = called.filter(({ endOffset }) => !listed.has(endOffset - 1))
    t.ok(called.length > 300, `${name} calls ${called.length} functions`)
    t.ok(
      missed.length < called.length / 10,
      `${missed.length} are not listed; if they are many: node scripts/called.mjs`,
    )
  }
  t.end()
})

t.test('no modules of Node are loaded that take milliseconds', { skip: missing('root', 'busybox') }, t => {
  const made = makeBundle(t)
  const [tell, list] = [join(made.directory, 'tell.cjs'), join(made.directory, 'list')]
  writeFileSync(
    tell,
    `process.on('exit', () => fs.writeFileSync('${list}', process.moduleLoadList.join('\\n')))
const fs = require('node:fs')`,
  )
  const words = ['--root', made.runtime.root, 'run', '--bundle', made.bundle, made.id()]
  // Without what the test runner loads into each child.
  const command = ['-i', process.execPath, '--require', tell, TSRUN, ...words]
  t.match(execute('/usr/bin/env', command), { status: 0, stderr: '' })
  const loaded = readFileSync(list, 'utf8').split('\n')
  t.ok(loaded.includes('NativeModule vm'), 'what is loaded can be seen')
  const slow = ['net', 'stream', 'tty', 'module', 'crypto', 'child_process', 'v8']
  t.same(
    slow.filter(name => loaded.includes(`NativeModule ${name}`)),
    [],
  )
  t.end()
})
