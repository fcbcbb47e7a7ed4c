import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isTsrunError } from '../../lib/errors.js'
import { openImages } from '../../lib/image/index.js'
import { missing } from '../needs.js'
import { isBlob, type ProxyRule, startProxy } from './proxy.js'
import { makeLayout, scratch, seed, startRegistry } from './registry.js'

const skip = missing('docker-registry', 'skopeo')
/** Random, so that it stays as large when it is compressed. */
const large = randomBytes(3_000_000)

/** A store that pulls through a proxy with these rules. */
async function behind(t: Test, rules: readonly ProxyRule[]) {
  const registry = await startRegistry(t)
  seed(registry, makeLayout(t, { layers: [{ large }, { small: 'x' }] }), 'a/b:1')
  const proxy = await startProxy(t, registry.host, rules)
  const directory = join(scratch(t), 'store')
  const images = openImages({ directory, idleTimeout: 1000 })
  return { registry, proxy, directory, images, name: `${proxy.host}/a/b:1` }
}

/** What is left of downloads. */
function partsIn(directory: string): readonly string[] {
  const path = join(directory, 'tsrun/partial')
  return existsSync(path) ? readdirSync(path) : []
}

t.test('a connection that is cut again and again is gone on with', { skip }, async t => {
  let cuts = 0
  const { images, name, proxy } = await behind(t, [{ matches: isBlob, cutAfter: () => (cuts++ < 8 ? 400_000 : null) }])
  const image = await images.pull(name)
  t.equal(image.manifest.layers.length, 2)
  t.ok(proxy.calls.filter(call => call.includes('/blobs/')).length > 6)
})

t.test('where nothing comes any more the attempts end, and what came stays for the next call', { skip }, async t => {
  const seen = new Set<string>()
  let isBroken = true
  const cutAfter = (url: string): number | null => {
    const isFirst = !seen.has(url)
    seen.add(url)
    return isBroken ? (isFirst ? 1_000_000 : 0) : null
  }
  const { images, name, directory } = await behind(t, [{ matches: isBlob, cutAfter }])
  await t.rejects(images.pull(name), { code: 'ERR_REGISTRY_UNREACHABLE', message: /after 5 attempts/ })
  t.equal(partsIn(directory).length, 1, 'it is kept')
  isBroken = false
  await images.pull(name)
  t.same(partsIn(directory), [])
})

t.test('an abort leaves what came, and the next pull asks for the rest only', { skip }, async t => {
  const ranges: (string | undefined)[] = []
  const { images, name, directory } = await behind(t, [
    {
      matches: isBlob,
      answer: ({ headers }) => {
        ranges.push(headers.range)
        return false
      },
    },
  ])
  const control = new AbortController()
  const onProgress = (event: { type: string; done?: number }) => {
    if (event.type === 'transfer' && (event.done ?? 0) > 1_000_000) control.abort(new Error('enough'))
  }
  await t.rejects(images.pull(name, { signal: control.signal, onProgress }), { message: 'enough' })
  // The small ones come at the same time, and may have been cut off too.
  const contents = partsIn(directory).map(name => join(directory, 'tsrun/partial', name, 'data'))
  const isLarge = (path: string) => existsSync(path) && statSync(path).size > 1_000_000
  t.equal(contents.filter(isLarge).length, 1)
  t.same(readdirSync(join(directory, 'tsrun/leases')), [], 'the lease is gone')
  ranges.length = 0
  await images.pull(name)
  t.ok(
    ranges.some(range => /^bytes=\d{7}-$/.test(range ?? '')),
    'a range was asked for',
  )
})

t.test('429 with Retry-After is waited for', { skip }, async t => {
  let refusals = 2
  const { images, name, proxy } = await behind(t, [
    {
      matches: (method, url) => method === 'GET' && url.includes('/manifests/'),
      answer: (_request, response) => {
        if (refusals-- <= 0) return false
        response.writeHead(429, { 'retry-after': '1' }).end()
        return true
      },
    },
  ])
  const begin = performance.now()
  await images.pull(name)
  t.ok(performance.now() - begin > 1900, 'two seconds have passed')
  t.equal(proxy.calls.filter(call => call.includes('/manifests/')).length, 3)
})

t.test('a pause of an hour is told, not waited for', { skip }, async t => {
  const { images, name } = await behind(t, [
    {
      matches: (_method, url) => url.includes('/manifests/'),
      answer: (_request, response) => {
        response.writeHead(429, { 'retry-after': '3600' }).end()
        return true
      },
    },
  ])
  await t.rejects(images.pull(name), { code: 'ERR_REGISTRY_RESPONSE', status: 429, message: /wants a pause of 3600 s/ })
})

t.test('a registry that falls silent is given up', { skip, timeout: 60_000 }, async t => {
  const { images, name } = await behind(t, [
    { matches: (_method, url) => url.includes('/manifests/'), answer: () => true },
  ])
  await t.rejects(images.pull(name), { code: 'ERR_REGISTRY_UNREACHABLE', message: /said nothing for 1 s/ })
})

/** Some bytes four times a second. */
async function trickle(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  const step = Math.ceil(bytes.length / 8)
  for (let at = 0; at < bytes.length; at += step) {
    response.write(bytes.subarray(at, at + step))
    await new Promise(resolve => setTimeout(resolve, 250))
  }
  response.end()
}

t.test('a slow registry is waited for as long as something comes', { skip, timeout: 60_000 }, async t => {
  const { images, name, registry } = await behind(t, [
    {
      matches: isBlob,
      answer: ({ url = '' }, response) => {
        const hex = url.slice(url.lastIndexOf(':') + 1)
        const file = join(registry.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
        void trickle(response, readFileSync(file))
        return true
      },
    },
  ])
  const begin = performance.now()
  const { manifest } = await images.pull(name)
  t.ok(performance.now() - begin > 1750, 'it took longer than the time in which something has to come')
  t.equal(manifest.layers.length, 2)
})

const liars: Readonly<Record<string, ProxyRule>> = {
  'about the content of a blob': { matches: isBlob, change: chunk => Buffer.from(chunk.map(byte => byte ^ 1)) },
  'about the size of a blob': {
    matches: isBlob,
    answer: (_request, response) => {
      response.writeHead(200).end(Buffer.alloc(4_000_000))
      return true
    },
  },
  'about a manifest': {
    matches: (_method, url) => url.includes('/manifests/'),
    answer: (_request, response) => {
      const headers = {
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'docker-content-digest': `sha256:${'0'.repeat(64)}`,
      }
      response.writeHead(200, headers).end('{}')
      return true
    },
  },
}
for (const [what, rule] of Object.entries(liars)) {
  t.test(`a registry that lies ${what} is found out, and nothing of it is kept`, { skip }, async t => {
    const { images, name, directory } = await behind(t, [rule])
    await t.rejects(images.pull(name), { code: 'ERR_IMAGE_DIGEST' })
    t.same(await images.list(), [])
    t.same(partsIn(directory), [])
  })
}

t.test('a manifest without an end is not read to it', { skip }, async t => {
  const { images, name } = await behind(t, [
    {
      matches: (_method, url) => url.includes('/manifests/'),
      answer: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
        const more = (): void => {
          while (response.write(Buffer.alloc(65536, 32))) if (response.destroyed) return
        }
        response.on('drain', more)
        more()
        return true
      },
    },
  ])
  await t.rejects(images.pull(name), { code: 'ERR_REGISTRY_RESPONSE', message: /more than 4194304 bytes/ })
})

t.test('Authorization does not go along to another host', { skip }, async t => {
  const other = await startProxy(t, '127.0.0.1:1', [
    {
      matches: () => true,
      answer: (_request, response) => {
        response.writeHead(404).end()
        return true
      },
    },
  ])
  const registry = await startRegistry(t)
  seed(registry, makeLayout(t), 'a/b:1')
  let asked = false
  const proxy = await startProxy(t, registry.host, [
    {
      matches: () => true,
      answer: ({ headers, url = '' }, response) => {
        if (headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        else if (isBlob('GET', url)) response.writeHead(307, { location: `http://${other.host}/elsewhere` }).end()
        else return false
        asked = true
        return true
      },
    },
  ])
  const credentials = { [proxy.host]: { username: 'me', password: 'secret-word' } }
  const images = openImages({ directory: join(scratch(t), 'store'), credentials })
  try {
    await images.pull(`${proxy.host}/a/b:1`)
    t.fail('was pulled')
  } catch (error) {
    t.ok(isTsrunError(error))
    t.notMatch(JSON.stringify(error), /secret-word|bWU6/)
  }
  t.ok(asked)
  t.ok(other.calls.length > 0)
  t.same(new Set(other.authorizations), new Set([undefined]))
})

t.test('a redirect from loopback to plain HTTP elsewhere is refused', { skip }, async t => {
  const { images, name } = await behind(t, [
    {
      matches: isBlob,
      answer: (_request, response) => {
        response.writeHead(307, { location: 'http://192.0.2.1/x' }).end()
        return true
      },
    },
  ])
  await t.rejects(images.pull(name), { code: 'ERR_REGISTRY_INSECURE', message: /192\.0\.2\.1/ })
})

t.test('a mirror is asked first, and the registry if the mirror has nothing', { skip }, async t => {
  const { proxy, directory, name } = await behind(t, [])
  const dead = openImages({ directory, mirrors: { 'example.invalid': [`http://${proxy.host}`] } })
  t.equal((await dead.pull('example.invalid/a/b:1')).name, 'example.invalid/a/b:1')
  const empty = await startRegistry(t)
  const other = openImages({
    directory: join(scratch(t), 'store'),
    mirrors: { [proxy.host]: [`http://${empty.host}`] },
  })
  t.equal((await other.pull(name)).name, name)
  t.throws(() => openImages({ directory, mirrors: { 'docker.io': ['http://192.0.2.7'] } }), {
    code: 'ERR_REGISTRY_INSECURE',
  })
})
