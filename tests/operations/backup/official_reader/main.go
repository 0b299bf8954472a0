// Reads a dump the way mongorestore does, with the library that it is built on: file names by url.PathUnescape, metadata by
// UnmarshalExtJSON in canonical form, data by length-prefixed documents, gzip by compress/gzip. Prints what it found.
package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
)

type metadata struct {
	Options        bson.D   `bson:"options,omitempty"`
	Indexes        []bson.D `bson:"indexes"`
	UUID           string   `bson:"uuid"`
	CollectionName string   `bson:"collectionName"`
	Type           string   `bson:"type"`
}

type collection struct {
	Documents int      `json:"documents"`
	Indexes   []string `json:"indexes"`
	Options   []string `json:"options"`
	UUID      string   `json:"uuid"`
	Type      string   `json:"type"`
}

func main() {
	found := map[string]*collection{}
	root := os.Args[1]
	databases, err := os.ReadDir(root)
	check(err)
	for _, database := range databases {
		if !database.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(root, database.Name()))
		check(err)
		for _, file := range files {
			read(found, filepath.Join(root, database.Name(), file.Name()))
		}
	}
	text, err := json.Marshal(found)
	check(err)
	fmt.Println(string(text))
}

func read(found map[string]*collection, path string) {
	base := strings.TrimSuffix(filepath.Base(path), ".gz")
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	var source io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		source, err = gzip.NewReader(file)
		check(err)
	}
	isMetadata := strings.HasSuffix(base, ".metadata.json")
	stem := strings.TrimSuffix(strings.TrimSuffix(base, ".metadata.json"), ".bson")
	name, err := url.PathUnescape(stem)
	check(err)
	if found[name] == nil {
		found[name] = &collection{Indexes: []string{}, Options: []string{}}
	}
	if isMetadata {
		readMetadata(found[name], source, name)
	} else {
		readData(found[name], source)
	}
}

func readMetadata(into *collection, source io.Reader, name string) {
	text, err := io.ReadAll(source)
	check(err)
	var said metadata
	check(bson.UnmarshalExtJSON(text, true, &said))
	if said.CollectionName != name {
		panic("the file of " + name + " names " + said.CollectionName)
	}
	into.UUID, into.Type = said.UUID, said.Type
	for _, index := range said.Indexes {
		into.Indexes = append(into.Indexes, index.Map()["name"].(string))
	}
	for _, option := range said.Options {
		into.Options = append(into.Options, option.Key)
	}
}

func readData(into *collection, source io.Reader) {
	var length [4]byte
	for {
		_, err := io.ReadFull(source, length[:])
		if err == io.EOF {
			return
		}
		check(err)
		document := make([]byte, binary.LittleEndian.Uint32(length[:]))
		copy(document, length[:])
		_, err = io.ReadFull(source, document[4:])
		check(err)
		check(bson.Raw(document).Validate())
		into.Documents++
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
