/** The gateway for a user without privileges, with TLS to a server whose authority is our own. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'

const SCRIPT = `
import { createServer } from 'node:https'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRuntime } from '../code/dist/index.js'
import { createGateway } from '../code/dist/network/index.js'

const server = createServer({ key: readFileSync('key.pem'), cert: readFileSync('cert.pem') }, (_request, response) => response.end('over TLS\\n'))
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address()
const gateway = createGateway({ allow: ['secure.test:' + port], hosts: { 'secure.test': '127.0.0.1' } })
const runtime = createRuntime({ log: () => {} })
const args = ['/usr/bin/curl', '-sS', '--cacert', '/ca.pem', 'https://secure.test:' + port + '/', 'https://other.test:' + port + '/']
const container = await runtime.create({ id: process.argv[2], bundle: '.', args, network: gateway.network })
const attachment = await gateway.attach(container)
container.stdout.pipe(process.stdout)
container.stderr.pipe(process.stdout)
await container.start()
await container.wait()
console.log(JSON.stringify([attachment.counts.connections, gateway.denials.map(({ host }) => host)]))
await container.delete()
gateway.close()
server.close()
`

t.test(
  'curl speaks TLS to the name that is allowed',
  { skip: missing('root', 'busybox', 'user-namespaces', 'curl', 'openssl') },
  async t => {
    const { directory, bundle, prefix, configure, script } = makeRootlessBundle(t)
    configure('true', config => {
      config.linux.namespaces?.push({ type: 'network' })
      const own = ['/usr', '/lib', '/lib64', '/bin'].map(path => ({
        destination: path,
        source: path,
        type: 'bind',
        options: ['rbind', 'ro'],
      }))
      config.mounts.push(...own, {
        destination: '/ca.pem',
        source: join(bundle, 'cert.pem'),
        type: 'bind',
        options: ['bind', 'ro'],
      })
    })
    const subject = ['-subj', '/CN=secure.test', '-addext', 'subjectAltName=DNS:secure.test', '-days', '2']
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'cert.pem', ...subject],
      { cwd: bundle, stdio: 'ignore' },
    )
    execFileSync('chmod', ['644', 'key.pem', 'cert.pem'], { cwd: bundle })
    writeFileSync(join(bundle, 'secure.mjs'), SCRIPT)
    const { stdout, stderr } = script(`${directory}/node secure.mjs ${prefix}`)
    t.match(stdout, /^over TLS\ncurl: \(6\) Could not resolve host: other\.test\n\[1,\["other\.test"\]\]\n$/, stderr)
  },
)
