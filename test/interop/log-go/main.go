// Command log-go opens a Veravita log directory with golang.org/x/mod/sumdb alone: the signature of the checkpoint with
// sumdb/note, the tiles and inclusion proofs with sumdb/tlog; and cosignatures of the witnesses that are named with
// transparency-dev/formats. It prints one JSON line and exits 0 when all of it holds.
//
//	log-go DIRECTORY VERIFIER-KEY [WITNESS-KEY...]
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tileDirectory reads tiles where C2SP tlog-tiles puts them: as tlog names them, without the height.
type tileDirectory struct{ directory string }

func (t tileDirectory) Height() int { return height }

func (t tileDirectory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		data, err := os.ReadFile(filepath.Join(t.directory, "tile", path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tileDirectory) SaveTiles([]tlog.Tile, [][]byte) {}

// entries reads the bundle of big-endian uint16 length-prefixed entries that starts at index n*256.
func entries(directory string, n, size int64) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: 0, N: n, W: int(min(256, size-n*256))}
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height))
	data, err := os.ReadFile(filepath.Join(directory, "tile", "entries", path))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for len(data) > 0 {
		length := int(binary.BigEndian.Uint16(data))
		all = append(all, data[2:2+length])
		data = data[2+length:]
	}
	return all, nil
}

func run(directory, key string, witnesses []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{verifier}
	for _, witness := range witnesses {
		cosigner, err := cosignature.NewVerifierForCosignatureV1(witness)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, cosigner)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if opened.Sigs[0].Name != verifier.Name() || opened.Sigs[0].Hash != verifier.KeyHash() {
		return fmt.Errorf("the first signature is not the log's")
	}
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		return fmt.Errorf("origin %q", lines[0])
	}
	var size int64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	if size == 0 && root != sha256.Sum256(nil) {
		return fmt.Errorf("root of the empty tree")
	}
	tree := tlog.Tree{N: size, Hash: root}
	hashes := tlog.TileHashReader(tree, tileDirectory{directory})
	checked := 0
	for n := int64(0); n*256 < size; n++ {
		bundle, err := entries(directory, n, size)
		if err != nil {
			return err
		}
		for i, entry := range bundle {
			index := n*256 + int64(i)
			if i%64 != 0 && index != size-1 {
				continue
			}
			leaf := tlog.RecordHash(entry)
			stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			if !bytes.Equal(stored[0][:], leaf[:]) {
				return fmt.Errorf("entry %d is not the leaf of the tile", index)
			}
			proof, err := tlog.ProveRecord(size, index, hashes)
			if err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			if err := tlog.CheckRecord(proof, size, root, index, leaf); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			checked++
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"origin": lines[0], "size": size, "root": hex.EncodeToString(root[:]), "checked": checked,
		"cosigned": len(opened.Sigs) - 1,
	})
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: log-go DIRECTORY VERIFIER-KEY [WITNESS-KEY...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
