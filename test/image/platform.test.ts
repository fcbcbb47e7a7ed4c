import t from 'tap'
import { choosePlatform, hostPlatform, parsePlatform, platformText } from '../../lib/image/platform.js'

const of = (...texts: readonly string[]) => texts.map(text => ({ platform: text === '' ? null : parsePlatform(text) }))
const choice = (wanted: string, ...there: readonly string[]) => {
  const { platform } = choosePlatform('it', of(...there), parsePlatform(wanted))
  return platform === null ? null : platformText(platform)
}

t.test('the one that fits is chosen', async t => {
  t.equal(choice('linux/amd64', 'linux/arm64', 'linux/amd64', 'windows/amd64'), 'linux/amd64')
  t.equal(choice('linux/arm64', 'linux/amd64', 'linux/arm64/v8'), 'linux/arm64/v8', 'v8 is what arm64 is')
  t.equal(choice('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'), 'linux/arm/v7')
  t.equal(choice('linux/arm/v6', 'linux/arm/v7', 'linux/arm/v5'), 'linux/arm/v5', 'an older variant runs')
  t.equal(choice('linux/amd64', 'linux/amd64/v3', 'linux/amd64'), 'linux/amd64', 'a newer one may not run')
})

t.test('where none fits the error says which there are', async t => {
  t.throws(() => choice('linux/s390x', 'linux/amd64', 'unknown/unknown', ''), {
    code: 'ERR_IMAGE_PLATFORM',
    message: /not there for linux\/s390x: it is for linux\/amd64$/,
  })
})

t.test('what is no platform is refused', async t => {
  for (const text of ['', 'linux', 'linux/', 'linux/amd64/v1/x', 'Linux/amd64', 'linux/a b'])
    t.throws(() => parsePlatform(text), { code: 'ERR_IMAGE_PLATFORM' }, text)
})

t.test('the platform of this machine is one of Linux', async t => {
  t.equal(hostPlatform().os, 'linux')
})
