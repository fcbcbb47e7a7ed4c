// Unpacks, packs and clears with what has been built, as whatever user runs it: `unpack-as.mjs OPTIONS`, in JSON. Prints the result.
import { createReadStream } from 'node:fs'
import { clearLayer } from '../../dist/layer/clear-layer.js'
import { packLayer } from '../../dist/layer/pack.js'
import { unpackLayer } from '../../dist/layer/unpack.js'

const { tar, target, owners, clear } = JSON.parse(process.argv[2])

async function both() {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar'
  const unpacked = await unpackLayer({ stream: createReadStream(tar), mediaType, target, overlay: 'user', owners })
  const packing = packLayer({ source: target, kind: 'upper', compression: 'none', owners })
  const chunks = []
  for await (const chunk of packing.stream) chunks.push(chunk)
  return { unpacked, packed: Buffer.concat(chunks).toString('base64') }
}

try {
  if (clear) await clearLayer({ target, owners })
  console.log(JSON.stringify(clear ? {} : await both()))
} catch (error) {
  console.log(JSON.stringify({ error }))
}
