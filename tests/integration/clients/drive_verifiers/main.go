// Lets real JWT libraries verify tokens at given times: one JSON line in, one out.
//
// Each line has "library", "now", "nbf" and "exp", in seconds since the epoch. The answer is the
// library's error, or "" if it accepts the token.
package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
)

const issuer, audience = "https://issuer.example", "skewgate"

type question struct {
	Library string `json:"library"`
	Now     int64  `json:"now"`
	Nbf     int64  `json:"nbf"`
	Exp     int64  `json:"exp"`
}

func main() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		claims := jwt.MapClaims{"iss": issuer, "aud": audience, "nbf": asked.Nbf, "exp": asked.Exp}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
		if err != nil {
			log.Fatal(err)
		}
		answer, _ := json.Marshal(verified(asked.Library, signed, time.Unix(asked.Now, 0), key.Public()))
		fmt.Println(string(answer))
	}
}

// verified is the library's error, or "".
func verified(library, signed string, now time.Time, key crypto.PublicKey) string {
	clock := func() time.Time { return now }
	var err error
	switch library {
	case "go-oidc":
		keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}
		_, err = oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: audience, Now: clock}).Verify(context.Background(), signed)
	case "go-jose":
		var token *josejwt.JSONWebToken
		var claims josejwt.Claims
		if token, err = josejwt.ParseSigned(signed, []jose.SignatureAlgorithm{jose.RS256}); err == nil {
			err = token.Claims(key, &claims)
		}
		if err == nil {
			err = claims.Validate(josejwt.Expected{Issuer: issuer}.WithTime(now))
		}
	case "golang-jwt":
		_, err = jwt.NewParser(jwt.WithTimeFunc(clock)).ParseWithClaims(
			signed, &jwt.MapClaims{}, func(*jwt.Token) (any, error) { return key, nil })
	default:
		log.Fatalf("no library is called %q", library)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
