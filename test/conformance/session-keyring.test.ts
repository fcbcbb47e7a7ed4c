/** The session keyring, about which the specification says nothing: what a process keeps there others must not find. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { excused, missing } from '../needs.js'
import { lines } from './attempt.js'

const skip = {
  skip:
    missing('root', 'busybox') || (!existsSync('/proc/keys') && excused(['keyrings'], 'needs a kernel with keyrings')),
}

/** The session keyrings that the process can see, by their names; those of other containers of the same user are among them. */
const show = 'grep -o "_ses[^ :]*" /proc/keys || echo none'
const unmasked = (config: TestConfig): void => {
  config.linux.maskedPaths = []
}

t.test('tsrun#session-keyring: the container has one of its own, named after it', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    unmasked(config)
    config.process.args = ['/bin/sh', '-c', show]
  })
  const name = id('keys')
  const { stdout } = await runtime.run({ bundle, id: name })
  t.ok(lines(stdout).includes(`_ses.${name}`), stdout)
})

t.test('tsrun#session-keyring: with noNewKeyring it is that of the caller', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    unmasked(config)
    config.process.args = ['/bin/sh', '-c', show]
  })
  const name = id('keys')
  const { stdout } = await runtime.run({ bundle, id: name, noNewKeyring: true })
  t.notOk(lines(stdout).includes(`_ses.${name}`), stdout)
})
