// Reads private keys as Go's GitHub App clients do: each line of its input is base64 of a key's text, each line of its output
// is JSON: whether golang-jwt reads it and signs with it, the modulus, and where it stopped.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"

	"github.com/golang-jwt/jwt"
)

type answer struct {
	Accepted bool   `json:"accepted"`
	Modulus  string `json:"modulus,omitempty"`
	Error    string `json:"error,omitempty"`
}

func read(text []byte) answer {
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if _, err := jwt.New(jwt.SigningMethodRS256).SignedString(key); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Accepted: true, Modulus: key.N.Text(16)}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		text, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		if err := json.NewEncoder(out).Encode(read(text)); err != nil {
			panic(err)
		}
	}
}
