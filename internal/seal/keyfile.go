package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

var templates = map[string]func() *tinkpb.KeyTemplate{
	sectionSeal:  aead.AES256GCMKeyTemplate,
	sectionHash:  prf.HMACSHA256PRFKeyTemplate,
	sectionToken: prf.HMACSHA256PRFKeyTemplate,
}

// Generate makes new keys of every kind. Losing them loses all identity: write them to a file and back it up.
func Generate() (*Keys, error) {
	handles := map[string]*keyset.Handle{}
	for _, section := range Sections() {
		h, err := keyset.NewHandle(templates[section]())
		if err != nil {
			return nil, fmt.Errorf("making a %s key: %w", section, err)
		}
		handles[section] = h
	}
	return newKeys(handles)
}

// Rotate adds a key to a section and makes it the one in use; the older ones keep opening what they sealed.
func (k *Keys) Rotate(section string) (*Keys, error) {
	if !slices.Contains(Sections(), section) {
		return nil, fmt.Errorf("there are no %q keys; there are %v", section, Sections())
	}
	manager := keyset.NewManagerFromHandle(k.handles[section])
	id, err := manager.Add(templates[section]())
	if err != nil {
		return nil, fmt.Errorf("adding a %s key: %w", section, err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("using the new %s key: %w", section, err)
	}
	rotated, err := manager.Handle()
	if err != nil {
		return nil, err
	}
	handles := map[string]*keyset.Handle{}
	for name, h := range k.handles {
		handles[name] = h
	}
	handles[section] = rotated
	return newKeys(handles)
}

// Parse reads the text that Encode writes: a JSON object with one Tink keyset for each section.
func Parse(text []byte) (*Keys, error) {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(text, &sections); err != nil {
		return nil, errors.New("keys: not the JSON object that `khaibao keys init` writes")
	}
	handles := map[string]*keyset.Handle{}
	for _, section := range Sections() {
		raw, ok := sections[section]
		if !ok {
			return nil, fmt.Errorf("keys: section %q is missing", section)
		}
		h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
		if err != nil {
			return nil, fmt.Errorf("keys: section %q is not a Tink keyset", section)
		}
		handles[section] = h
	}
	return newKeys(handles)
}

// Encode writes all keys in clear: the text is as secret as everything it seals.
func (k *Keys) Encode() ([]byte, error) {
	sections := map[string]json.RawMessage{}
	for name, h := range k.handles {
		var raw bytes.Buffer
		if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&raw)); err != nil {
			return nil, fmt.Errorf("writing section %q: %w", name, err)
		}
		sections[name] = raw.Bytes()
	}
	return json.MarshalIndent(sections, "", "  ")
}

// ReadFile reads a key file. One that others than its owner can read is refused.
func ReadFile(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("keys: %s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return Parse(text)
}

// CreateFile writes a new key file that only its owner can read; a file that exists is never overwritten.
func (k *Keys) CreateFile(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("keys: %s exists; keys are never overwritten", path)
	}
	return k.writeFile(path)
}

// ReplaceFile swaps a key file for a rotated one in a single step, so that a crash leaves the old or the new one whole.
func (k *Keys) ReplaceFile(path string) error { return k.writeFile(path) }

func (k *Keys) writeFile(path string) error {
	text, err := k.Encode()
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	return os.Rename(temp.Name(), path)
}
