// The parent process reads the port, and takes its server along when it ends.
export function serving(port) {
  process.stdin.on('end', () => process.exit()).resume()
  console.log(port)
}
