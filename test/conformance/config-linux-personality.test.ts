import { readFileSync } from 'node:fs'
import { arch } from 'node:process'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }
const personalityOf = (pid: number): string => readFileSync(`/proc/${pid}/personality`, 'utf8').trim()

t.test('config-linux.md#personality: LINUX32 shows a processor of 32 bits', skip, async t => {
  const { stdout } = await makeBundle(t).sh('busybox uname -m', config => {
    config.linux.personality = { domain: 'LINUX32' }
  })
  t.match(String(stdout), arch === 'x64' ? /^i686\n$/ : /^armv8l\n$|^\S+\n$/)
})

t.test('config-linux.md#personality: the domain is that of the process', skip, async t => {
  const small = await createSleeper(makeBundle(t), config => {
    config.linux.personality = { domain: 'LINUX32', flags: [] }
  })
  t.equal(personalityOf(small.pid), '00000008')
  const usual = await createSleeper(makeBundle(t), config => {
    config.linux.personality = { domain: 'LINUX' }
  })
  t.equal(personalityOf(usual.pid), '00000000')
})

t.test(
  'config-linux.md#personality: flags, of which there are none yet, and other domains are errors',
  skip,
  async t => {
    const flags = await createError(makeBundle(t), config => {
      config.linux.personality = { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] }
    })
    t.match(flags, invalid('/linux/personality/flags'))
    const domain = await createError(makeBundle(t), config => {
      config.linux.personality = { domain: 'BSD' as 'LINUX' }
    })
    t.match(domain, {
      ...invalid('/linux/personality/domain'),
      message: /must be one of "LINUX", "LINUX32", but is "BSD"/,
    })
  },
)

t.test('tsrun#keyring: the process has a session keyring of its own, named after the container', skip, async t => {
  const bundle = makeBundle(t)
  bundle.configure(config => {
    config.process.args = ['/bin/cat', '/proc/keys']
    config.linux.maskedPaths = []
  })
  const own = await bundle.runtime.run({ id: bundle.id('own'), bundle: bundle.bundle })
  t.match(String(own.stdout), new RegExp(` keyring +_ses\\.${bundle.id('own')}: empty\n`))
  const kept = await bundle.runtime.run({ id: bundle.id('kept'), bundle: bundle.bundle, noNewKeyring: true })
  t.notMatch(String(kept.stdout), bundle.id('kept'))
})
