/**
 * `npm run bench` measures the library and the command, `-- engines` what there is under engines, `-- sandbox` sandboxes, `-- cri` what the
 * kubelet waits for, `-- images` pulls, `-- thousands` many containers at once.
 */
const FILES = {
  engines: './engines/run.mjs',
  sandbox: './sandbox/main.mjs',
  cri: './cri/main.mjs',
  images: './images/run.mjs',
  thousands: './thousands.mjs',
}
const [word = ''] = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
if (word !== '' && !Object.hasOwn(FILES, word)) throw new Error(`${word}: not one of ${Object.keys(FILES).join(', ')}`)
await import(FILES[word] ?? './run.mjs')
