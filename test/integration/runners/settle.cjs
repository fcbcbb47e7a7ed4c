/** Jest's globalTeardown: the thread that waits for descriptors ends a second after the last wait, by a timer of this event loop. */
const { setTimeout: sleep } = require('node:timers/promises')

module.exports = () => sleep(3000)
