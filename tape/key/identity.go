package key

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"calypso/sys/errcode"
	"calypso/sys/proc"
)

// maxIdentity bounds an identity file.
const maxIdentity = 1 << 20

// LoadIdentities reads a file of age identities, or an SSH private key. passphrase is asked when the SSH
// key has one of its own; nil: there is nobody to ask. Errors: errcode.KeyUnsafe when others can read the
// file, KeyLocked when it holds no identity.
func LoadIdentities(path string, passphrase func(what string) ([]byte, error)) ([]age.Identity, error) {
	if err := proc.GuardMemory(); err != nil {
		return nil, err
	}
	text, err := ReadSecretFile(path, maxIdentity)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN")) {
		id, err := sshIdentity(path, text, passphrase)
		if err != nil {
			return nil, err
		}
		return []age.Identity{id}, nil
	}
	list, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, errcode.New(errcode.KeyLocked, path, "not a file of age identities: %w", err)
	}
	return list, nil
}

func sshIdentity(path string, text []byte, passphrase func(string) ([]byte, error)) (age.Identity, error) {
	id, err := agessh.ParseIdentity(text)
	var missing *ssh.PassphraseMissingError
	if !errors.As(err, &missing) {
		if err != nil {
			return nil, errcode.New(errcode.KeyLocked, path, "not an SSH key for this: %w", err)
		}
		return id, nil
	}
	if missing.PublicKey == nil || passphrase == nil {
		return nil, errcode.New(errcode.KeyLocked, path, "the SSH key has a passphrase of its own").
			WithHint("use one without, or an age identity")
	}
	locked, err := agessh.NewEncryptedSSHIdentity(missing.PublicKey, bytes.Clone(text), func() ([]byte, error) {
		return passphrase("the SSH key " + path)
	})
	if err != nil {
		return nil, errcode.New(errcode.KeyLocked, path, "not an SSH key for this: %w", err)
	}
	return locked, nil
}

// ReadSecretFile reads a file that holds a secret, after a look at who else can: errcode.KeyUnsafe.
// A pipe is as good as a file; it has no others.
func ReadSecretFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errcode.New(errcode.Of(err), path, "%w", cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		if err := private(path, info); err != nil {
			return nil, err
		}
	}
	return ReadSecret(path, f, limit)
}

// ReadSecret reads a secret that comes from a descriptor.
func ReadSecret(name string, r io.Reader, limit int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, errcode.New(errcode.Of(err), name, "%w", cause(err))
	}
	if len(text) > limit {
		clear(text)
		return nil, errcode.New(errcode.Usage, name, "longer than %d bytes", limit)
	}
	return text, nil
}

// cause is the cause in a *PathError: the path is said already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// private makes sure that a file or directory is its owner's alone, and the owner this user or root.
func private(path string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return errcode.New(errcode.KeyUnsafe, path, "its mode is %04o: others than its owner can use it", mode).
			WithHint("chmod go= %s, and think about who may have read it", path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if uid := os.Geteuid(); ok && int(stat.Uid) != uid && stat.Uid != 0 {
		return errcode.New(errcode.KeyUnsafe, path, "it belongs to user %d, not to %d", stat.Uid, uid).
			WithHint("chown it, and think about who may have read it")
	}
	return nil
}

// plainFile refuses links, devices and pipes.
func plainFile(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errcode.New(errcode.KeyUnsafe, path, "it is %s, not a plain file", kindOf(info.Mode()))
	}
	return private(path, info)
}

func kindOf(mode os.FileMode) string {
	switch {
	case mode&os.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	}
	return fmt.Sprintf("of mode %s", mode)
}
