package key

// A pair of SSH keys that was made for these tests and is used nowhere else.
const sshPrivate = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACBxo05EI8vzjXK8MrydLqYwFNmBUzo4CHYQ8bf4sZ+JigAAAIhStU8tUrVP
LQAAAAtzc2gtZWQyNTUxOQAAACBxo05EI8vzjXK8MrydLqYwFNmBUzo4CHYQ8bf4sZ+Jig
AAAEA+N48yZ+fAtpyiF2FBZv5mRNBZrAWt5q1IZLz3VXb7J3GjTkQjy/ONcrwyvJ0upjAU
2YFTOjgIdhDxt/ixn4mKAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
`

const sshPublic = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHGjTkQjy/ONcrwyvJ0upjAU2YFTOjgIdhDxt/ixn4mK test
`
