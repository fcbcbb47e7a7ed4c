/** Offers a descriptor to Node as a stream would, and waits to be terminated. */
import { closeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { native } from '../../../dist/sys/native.js'
import { makePipe } from '../../../dist/sys/stream.js'

const [fd] = makePipe()
native().ts_offer(fd)
// As if it had been taken over by a stream, which was closed with its worker.
if (workerData.isTaken) closeSync(fd)
parentPort.postMessage(fd)
setInterval(() => {}, 1000)
