import t from 'tap'
import { isTsrunError } from '../../lib/errors.js'
import { parseReference, referenceText } from '../../lib/image/reference.js'

const HEX = 'a'.repeat(64)

const names: Readonly<Record<string, string>> = {
  alpine: 'docker.io/library/alpine:latest',
  'alpine:3.18': 'docker.io/library/alpine:3.18',
  'user/app': 'docker.io/user/app:latest',
  'docker.io/alpine': 'docker.io/library/alpine:latest',
  'index.docker.io/library/alpine:1': 'docker.io/library/alpine:1',
  'ghcr.io/a/b/c:v1.2_x-y': 'ghcr.io/a/b/c:v1.2_x-y',
  'localhost/a': 'localhost/a:latest',
  'localhost:5000/a': 'localhost:5000/a:latest',
  'localhost:5000/a:b': 'localhost:5000/a:b',
  '[::1]:5000/a': '[::1]:5000/a:latest',
  '127.0.0.1:5000/a/b': '127.0.0.1:5000/a/b:latest',
  'Registry/a': 'Registry/a:latest',
  'a__b/c--d.e_f': 'docker.io/a__b/c--d.e_f:latest',
  [`alpine@sha256:${HEX}`]: `docker.io/library/alpine@sha256:${HEX}`,
  [`alpine:3@sha256:${HEX}`]: `docker.io/library/alpine:3@sha256:${HEX}`,
}

for (const [text, whole] of Object.entries(names)) {
  t.test(`${text} is ${whole}`, async t => {
    t.equal(referenceText(parseReference(text)), whole)
    t.same(parseReference(whole), parseReference(text), 'the whole name means the same')
  })
}

const wrong: Readonly<Record<string, RegExp>> = {
  '': /is empty/,
  Alpine: /in lower case/,
  'a/B': /in lower case/,
  'a:': /no tag/,
  [`a:${'x'.repeat(129)}`]: /no tag/,
  'a:-x': /no tag/,
  'a/': /no name/,
  '/a': /no name|no host/,
  'a//b': /no name/,
  'a/../b': /no name/,
  a___b: /no name/,
  'a@sha256:abc': /no sha256 digest/,
  [`a@sha512:${'a'.repeat(128)}`]: /no sha256 digest/,
  [`a@sha256:${HEX}@sha256:${HEX}`]: /no sha256 digest/,
  [HEX]: /is the id of an image/,
  'host.:x/a': /no host/,
  'ex_ample.com/a b': /no host|no name/,
  'a\n': /no name/,
  [`${'x/'.repeat(130)}y`]: /more than 255/,
}

for (const [text, message] of Object.entries(wrong)) {
  t.test(`${JSON.stringify(text).slice(0, 40)} is refused`, async t => {
    try {
      parseReference(text)
      t.fail('was taken')
    } catch (error) {
      t.ok(isTsrunError(error))
      t.match(error, { code: 'ERR_IMAGE_REFERENCE', message, image: text })
    }
  })
}
