module read_keys

// Of this version are crypto/rsa's rules: with an older one, or in GOPATH mode, Go takes short keys and numbers that don't fit.
go 1.24

require github.com/golang-jwt/jwt v0.0.0

replace github.com/golang-jwt/jwt => ./jwt
