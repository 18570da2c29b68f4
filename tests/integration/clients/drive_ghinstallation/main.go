// ghinstallation, in the two ways in which it is used:
//
//	drive_ghinstallation WAY API_URL APP_ID INSTALLATION_ID PRIVATE_KEY_FILE
//
// token  a transport that is asked for the installation's token (Flux, Argo CD)
// use    a client with one transport for as long as it runs (KEDA, Atlantis), which lists the installation's repositories
//
// One attempt for each line of standard input, answered with a line of JSON as the drivers in Python do.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strconv"

	"github.com/bradleyfalzon/ghinstallation/v2"
)

type answer struct {
	Token   bool    `json:"token"`
	Status  int     `json:"status"`
	Message *string `json:"message"`
}

func refused(response *http.Response) answer {
	var said struct{ Message string }
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		log.Fatal(err)
	}
	return answer{Status: response.StatusCode, Message: &said.Message}
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	way, url := os.Args[1], os.Args[2]
	transport, err := ghinstallation.NewKeyFromFile(http.DefaultTransport, number(os.Args[3]), number(os.Args[4]), os.Args[5])
	if err != nil {
		log.Fatal(err)
	}
	transport.BaseURL = url
	client := &http.Client{Transport: transport}

	token := func() answer {
		_, err := transport.Token(context.Background())
		var failed *ghinstallation.HTTPError
		if errors.As(err, &failed) && failed.Response != nil {
			return refused(failed.Response)
		}
		if err != nil {
			log.Fatal(err)
		}
		return answer{Token: true, Status: http.StatusCreated}
	}
	use := func() answer {
		response, err := client.Get(url + "/installation/repositories")
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return refused(response)
		}
		return answer{Token: true, Status: http.StatusCreated}
	}

	attempt := map[string]func() answer{"token": token, "use": use}[way]
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := json.NewEncoder(os.Stdout).Encode(attempt()); err != nil {
			log.Fatal(err)
		}
	}
}
