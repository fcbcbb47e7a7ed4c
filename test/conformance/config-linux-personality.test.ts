import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }
const onX86 = { skip: skip.skip || (process.arch === 'x64' ? false : 'needs x86-64') }

t.test('config-linux.md#personality: LINUX32 makes the machine a 32-bit one', onX86, async t => {
  const { sh } = makeBundle(t)
  const show = 'busybox uname -m; cat /proc/self/personality'
  t.match(await sh(show, config => (config.linux.personality = { domain: 'LINUX32' })), { stdout: 'i686\n00000008\n' })
  t.match(await sh(show, config => (config.linux.personality = { domain: 'LINUX' })), { stdout: 'x86_64\n00000000\n' })
})

t.test('config-linux.md#personality: without it that of the caller is kept', skip, async t => {
  const container = await createSleeper(makeBundle(t))
  t.equal(readFileSync(`/proc/${container.pid}/personality`, 'utf8'), readFileSync('/proc/self/personality', 'utf8'))
})

t.test('config-linux.md#personality: unknown domains and flags are errors', skip, async t => {
  const bundle = makeBundle(t)
  const domain = await createError(bundle, config => Object.assign(config.linux, { personality: { domain: 'SUNOS' } }))
  t.match(domain, invalid('/linux/personality/domain'))
  const flags = await createError(bundle, config => (config.linux.personality = { domain: 'LINUX', flags: ['X'] }))
  t.match(flags, invalid('/linux/personality/flags'))
})
