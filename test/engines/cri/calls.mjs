/** The Container Runtime Interface over gRPC, as the kubelet speaks it. */
import { fileURLToPath } from 'node:url'
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const definition = fileURLToPath(new URL('runtime.proto', import.meta.url))

/**
 * @param {string} socket the engine's, by its path
 * @returns {{ call: (name: string, request?: object) => Promise<any>, renew: () => void, close: () => void }} `call` rejects with
 *   gRPC's error, which has `code` and `details`. A call that takes longer than two minutes is such an error. `renew` is for an
 *   engine that has been started again.
 */
export function connect(socket) {
  const { runtime } = loadPackageDefinition(loadSync(definition, { longs: Number, enums: String, defaults: true }))
  // Its own connections: those of a client that has been closed are to an engine that is gone.
  const options = { 'grpc.use_local_subchannel_pool': 1 }
  const open = () => new runtime.v1.RuntimeService(`unix://${socket}`, credentials.createInsecure(), options)
  let client = open()
  return {
    call: (name, request = {}) =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + 120_000
        client[name](request, { deadline }, (error, answer) => (error === null ? resolve(answer) : reject(error)))
      }),
    renew: () => {
      client.close()
      client = open()
    },
    close: () => client.close(),
  }
}
