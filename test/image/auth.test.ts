import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { isTsrunError } from '../../lib/errors.js'
import { openImages } from '../../lib/image/index.js'
import { missing } from '../needs.js'
import { startProxy } from './proxy.js'
import { command, freePort, makeLayout, scratch, seed, startRegistry } from './registry.js'

const skip = missing('docker-registry', 'skopeo', 'openssl')
const ME = { username: 'me', password: 'pass:word é' }
/** `me` with that password, by bcrypt as htpasswd -B makes it; the registry takes no other kind. */
const withStore = (t: Test) => join(scratch(t), 'store')

/** A registry behind a proxy that asks for a name and a password. */
async function withPassword(t: Test) {
  const registry = await startRegistry(t)
  seed(registry, makeLayout(t), 'a/b:1')
  const wanted = `Basic ${Buffer.from(`${ME.username}:${ME.password}`).toString('base64')}`
  const proxy = await startProxy(t, registry.host, [
    {
      matches: () => true,
      answer: ({ headers }, response) => {
        if (headers.authorization === wanted) return false
        response.writeHead(401, { 'www-authenticate': 'Basic realm="here", charset="UTF-8"' }).end()
        return true
      },
    },
  ])
  return { host: proxy.host, name: `${proxy.host}/a/b:1` }
}

/** Sets variables of this process until the test ends. */
function setEnvironment(t: Test, values: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  Object.assign(process.env, values)
  t.teardown(() => {
    process.env = before
  })
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** A server that has one answer for everything. */
const always = (answer: (response: ServerResponse) => void) => [
  {
    matches: () => true,
    answer: (_request: unknown, response: ServerResponse) => {
      answer(response)
      return true
    },
  },
]

t.test('a name and a password', { skip }, async t => {
  const { host, name } = await withPassword(t)
  setEnvironment(t, { DOCKER_CONFIG: scratch(t) })

  t.test('none, and wrong ones', async t => {
    const none = openImages({ directory: withStore(t), credentials: {} })
    await t.rejects(none.pull(name), { code: 'ERR_REGISTRY_AUTH', message: /there are none: log in/ })
    const wrong = openImages({ directory: withStore(t), credentials: { [host]: { ...ME, password: 'no' } } })
    await t.rejects(wrong.pull(name), { code: 'ERR_REGISTRY_AUTH', message: /refuses the credentials/ })
  })

  t.test('given, and by a function', async t => {
    await openImages({ directory: withStore(t), credentials: { [host]: ME } }).pull(name)
    await openImages({ directory: withStore(t), credentials: async registry => (registry === host ? ME : null) }).pull(
      name,
    )
  })

  t.test('from the file of docker login', async t => {
    const folder = process.env.DOCKER_CONFIG ?? ''
    const file = join(folder, 'config.json')
    writeFileSync(file, JSON.stringify({ auths: { [host]: { auth: base64(`${ME.username}:${ME.password}`) } } }))
    await openImages({ directory: withStore(t) }).pull(name)
    for (const [text, message] of [
      ['{ "auths": "secret', /no JSON object/],
      [JSON.stringify({ auths: { [host]: { auth: base64('secret') } } }), /no colon/],
    ] as const) {
      writeFileSync(file, text)
      try {
        await openImages({ directory: withStore(t) }).pull(name)
        t.fail('was pulled')
      } catch (error) {
        t.match(error, { code: 'ERR_REGISTRY_AUTH', message })
        t.notMatch((error as Error).message, /secret/)
      }
    }
  })

  t.test('from a helper program', async t => {
    const folder = scratch(t)
    const config = scratch(t)
    setEnvironment(t, { DOCKER_CONFIG: config, PATH: `${folder}:${process.env.PATH}` })
    const script = (body: string) => {
      const file = join(folder, 'docker-credential-test')
      writeFileSync(file, `#!/bin/sh\ncat > ${folder}/asked\n${body}\n`)
      chmodSync(file, 0o755)
    }
    const pull = () => openImages({ directory: withStore(t) }).pull(name)
    writeFileSync(join(config, 'config.json'), JSON.stringify({ credHelpers: { [host]: 'test' } }))
    script(`printf '%s' '${JSON.stringify({ ServerURL: host, Username: ME.username, Secret: ME.password })}'`)
    await pull()
    t.equal(readFileSync(join(folder, 'asked'), 'utf8'), `${host}\n`)
    script('echo "credentials not found in native keychain"; exit 1')
    await t.rejects(pull(), { code: 'ERR_REGISTRY_AUTH', message: /there are none/ })
    script('echo secret-thing; exit 3')
    await t.rejects(pull(), { code: 'ERR_REGISTRY_AUTH', message: /docker-credential-test.*failed with status 3$/ })
    script('echo nonsense')
    await t.rejects(pull(), { code: 'ERR_REGISTRY_AUTH', message: /no JSON object with Username and Secret/ })
    writeFileSync(join(config, 'config.json'), JSON.stringify({ credsStore: 'not-there' }))
    await t.rejects(pull(), { code: 'ERR_REGISTRY_AUTH', message: /docker-credential-not-there.*ENOENT/ })
    writeFileSync(join(config, 'config.json'), JSON.stringify({ credsStore: '../../bin/sh' }))
    await t.rejects(pull(), { code: 'ERR_REGISTRY_AUTH', message: /a name that is none/ })
  })
})

/** A token service, with what it was asked for. */
async function tokenService(
  t: Test,
  key: { readonly file: string; readonly kid: readonly string[] },
  lifetime: number,
) {
  const asked: { scopes: string[]; authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    const scopes = url.searchParams.getAll('scope')
    asked.push({ scopes, authorization: request.headers.authorization })
    const access = scopes.map(scope => {
      const [type, name, actions = ''] = scope.split(':')
      return { type, name, actions: actions.split(',') }
    })
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'test',
      sub: '',
      aud: 'registry',
      exp: now + lifetime + 60,
      nbf: now - 60,
      iat: now,
      jti: '1',
      access,
    }
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c: key.kid })}.${encode(claims)}`
    const { stdout } = spawnSync('openssl', ['dgst', '-sha256', '-sign', key.file], { input: text })
    response.end(JSON.stringify({ token: `${text}.${stdout.toString('base64url')}`, expires_in: lifetime }))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => void server.close())
  const address = server.address()
  return { asked, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/token` }
}

/** A certificate of its own for 127.0.0.1. */
function certificate(t: Test) {
  const folder = scratch(t)
  const [key, crt] = [join(folder, 'key.pem'), join(folder, 'crt.pem')]
  const names = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  command(
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    crt,
    '-days',
    '2',
    ...names,
  )
  return { key, crt }
}

t.test('tokens of a service', { skip }, async t => {
  const { key, crt } = certificate(t)
  const der = readFileSync(crt, 'utf8').replace(/-----[^-]+-----|\s/g, '')
  const { asked, url } = await tokenService(t, { file: key, kid: [der] }, 300)
  const top = `auth: { token: { realm: "${url}", service: registry, issuer: test, rootcertbundle: ${crt} } }`
  const { host } = await startRegistry(t, { top })
  const layout = makeLayout(t, { layers: [{ a: '1' }, { b: '2' }, { c: '3' }] })
  const directory = withStore(t)
  const images = openImages({ directory, credentials: { [host]: ME } })
  command('skopeo', 'copy', `oci:${layout}:test`, `oci:${directory}:${host}/a/b:1`)
  await images.push(`${host}/a/b:1`)
  t.same(
    asked,
    [{ scopes: ['repository:a/b:pull,push'], authorization: `Basic ${base64(`${ME.username}:${ME.password}`)}` }],
    'one token for all calls, however many at once',
  )

  t.test('nobody in particular may pull', async t => {
    asked.length = 0
    await openImages({ directory: withStore(t), credentials: {} }).pull(`${host}/a/b:1`)
    t.same(asked, [{ scopes: ['repository:a/b:pull'], authorization: undefined }])
  })

  t.test('a push to another repository mounts what is there', async t => {
    asked.length = 0
    const how: string[] = []
    const onProgress = (event: { type: string; how?: string }) =>
      event.type === 'transferred' && how.push(event.how ?? '')
    await images.push(`${host}/a/b:1`, { to: `${host}/c/d:2`, onProgress })
    t.same(how, ['mounted', 'mounted', 'mounted', 'moved'], 'its layers; its configuration is moved')
    t.same(asked[0]?.scopes, ['repository:c/d:pull,push', 'repository:a/b:pull'])
  })
})

t.test('a token that is good no longer is asked for anew', { skip }, async t => {
  const registry = await startRegistry(t)
  seed(registry, makeLayout(t, { layers: [{ a: '1' }, { b: '2' }] }), 'a/b:1')
  let count = 0
  const token = (response: ServerResponse) => response.end(JSON.stringify({ access_token: `t${++count}` }))
  const service = await startProxy(t, registry.host, always(token))
  const used = new Map<string, number>()
  const proxy = await startProxy(t, registry.host, [
    {
      matches: () => true,
      answer: ({ headers }, response) => {
        const token = headers.authorization ?? ''
        used.set(token, (used.get(token) ?? 0) + 1)
        // Each is good for two calls.
        if (token.startsWith('Bearer t') && (used.get(token) ?? 0) <= 2) return false
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${service.host}/token",service="x"` }).end()
        return true
      },
    },
  ])
  await openImages({ directory: withStore(t), credentials: {} }).pull(`${proxy.host}/a/b:1`)
  t.ok(count >= 2, `${count} tokens`)
})

t.test('a service that gives no token is told by its status, and what it says is no part of it', { skip }, async t => {
  const registry = await startRegistry(t)
  const service = await startProxy(
    t,
    registry.host,
    always(response => response.writeHead(403).end('secret-thing')),
  )
  const challenge = { 'www-authenticate': `Bearer realm="http://${service.host}/token"` }
  const proxy = await startProxy(
    t,
    registry.host,
    always(response => response.writeHead(401, challenge).end()),
  )
  try {
    await openImages({ directory: withStore(t), credentials: {} }).pull(`${proxy.host}/a/b:1`)
    t.fail('was pulled')
  } catch (error) {
    t.ok(isTsrunError(error))
    t.match(error, { code: 'ERR_REGISTRY_AUTH', status: 403 })
    t.notMatch(JSON.stringify(error), /secret-thing/)
  }
})

const PULL = `
import { openImages } from ${JSON.stringify(resolve('lib/image/index.ts'))}
const [directory, name] = process.argv.slice(2)
try {
  console.log((await openImages({ directory }).pull(name)).digest)
} catch (error) {
  console.log(error.code, error.message)
}
`

t.test('TLS with an authority of its own', { skip }, async t => {
  const { key, crt } = certificate(t)
  const registry = await startRegistry(t, { http: `  tls: { certificate: ${crt}, key: ${key} }` })
  const layout = makeLayout(t)
  seed(registry, layout, 'a/b:1')
  const folder = scratch(t)
  mkdirSync(join(folder, 'home'))
  writeFileSync(join(folder, 'pull.mts'), PULL)
  const pull = (env: Readonly<Record<string, string>>) =>
    spawnSync(
      process.execPath,
      ['--import=tsx', join(folder, 'pull.mts'), join(folder, 'store'), `${registry.host}/a/b:1`],
      {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: join(folder, 'home'), ...env },
      },
    )
  t.match(pull({}).stdout, /^ERR_REGISTRY_UNREACHABLE .*NODE_EXTRA_CA_CERTS/)
  const { stdout, stderr } = pull({ NODE_EXTRA_CA_CERTS: crt })
  t.match(stdout, /^sha256:/, stderr)
})

t.test('plain HTTP to another machine has to be named', { skip }, async t => {
  const port = await freePort()
  const images = openImages({ directory: withStore(t), insecure: [`192.0.2.1:${port}`] })
  await t.rejects(images.pull(`192.0.2.1:${port}/a`, { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' })
})
