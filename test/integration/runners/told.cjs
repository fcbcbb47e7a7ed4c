/** Loaded before a runner: at the end of its process, writes to the file TOLD what is open and which children there are, as JSON. */
const { readdirSync, readFileSync, readlinkSync, writeFileSync } = require('node:fs')
const { isMainThread } = require('node:worker_threads')

const or = (otherwise, read) => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

function parentOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

function tell() {
  const fds = readdirSync('/proc/self/fd').map(fd => or(null, () => readlinkSync(`/proc/self/fd/${fd}`)))
  const children = readdirSync('/proc').filter(
    name => /^\d+$/.test(name) && or(0, () => parentOf(name)) === process.pid,
  )
  writeFileSync(process.env.TOLD, JSON.stringify({ fds: fds.filter(link => link !== null), children }))
}

if (isMainThread) process.on('exit', tell)
